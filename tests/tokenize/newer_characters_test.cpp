#include "zofo/tokenize/newer_characters.hpp"

#include <sstream>

#include "catch.hpp"
#include "golden.hpp"
#include "zofo/tokenize/oniguruma.hpp"
#include "zofo/tokenize/pattern.hpp"
#include "zofo/tokenize/utf8.hpp"

using namespace zofo::tokenize;

TEST_CASE("characters of Unicode 15 and 16 have the categories of the reference", "[tokenize]") {
  const auto golden = golden::read_json(golden::folder() / "tokenizers/unicode16.json");
  std::size_t compared = 0;
  for (const auto& [category, ranges] : golden.items()) {
    const Pattern own(from_oniguruma("\\p{" + category + "}+"));
    const Pattern group(from_oniguruma("[^\\p{" + category.substr(0, 1) + "}]+"));
    std::istringstream list(ranges.get<std::string>());
    for (std::string range; list >> range;) {
      const auto first = static_cast<char32_t>(std::stoul(range, nullptr, 16));
      const std::size_t dash = range.find('-');
      const auto last = dash == std::string::npos
                            ? first
                            : static_cast<char32_t>(std::stoul(range.substr(dash + 1), nullptr, 16));
      std::string text;
      for (char32_t code = first; code <= last; ++code) utf8::append(text, code);
      INFO(category << " " << range);
      std::size_t pieces = 0, matches = 0;
      own.stretches(text, own.match().get(), [&](std::string_view piece, bool match) {
        ++pieces;
        matches += match && piece.size() == text.size() ? 1 : 0;
      });
      CHECK((pieces == 1 && matches == 1));
      group.stretches(text, group.match().get(), [&](std::string_view, bool match) { CHECK_FALSE(match); });
      ++compared;
    }
  }
  CHECK(compared == 127);
}

TEST_CASE("only newer characters are replaced, by as many bytes", "[tokenize]") {
  std::string own;
  const std::string old = "na\u00efve \u4e2d\U00020000 \U0001f600";
  CHECK(with_older_characters(old, own).data() == old.data());
  const std::string newer = "plain ascii text \U000105c0 x \u1c89\U00031350";
  const std::string_view changed = with_older_characters(newer, own);
  CHECK(changed.size() == newer.size());
  CHECK(changed == "plain ascii text \U00010280 x \ua640\U00020000");
}
