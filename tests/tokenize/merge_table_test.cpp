#include "zofo/tokenize/merge_table.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/tokenize/string_map.hpp"
#include "zofo/tokenize/word_cache.hpp"

using namespace zofo::tokenize;

namespace {

using PairIds = std::vector<std::int32_t>;

// Random merges of a few letters: {"a".."e"}, then products of earlier tokens.
struct Toy {
  std::vector<std::string> tokens{"a", "b", "c", "d", "e"};
  std::vector<Merge> merges;
  StringMap<std::int32_t> ids;

  explicit Toy(std::size_t count) {
    std::mt19937 random(7);
    for (std::size_t i = 0; i < tokens.size(); ++i) ids.add(tokens[i], static_cast<std::int32_t>(i));
    while (merges.size() < count) {
      const std::string left = tokens[random() % tokens.size()], right = tokens[random() % tokens.size()];
      if (!ids.add(left + right, static_cast<std::int32_t>(tokens.size())).second) continue;
      tokens.push_back(left + right);
      merges.push_back({left, right});
    }
  }

  // The definition: the pair of lowest rank, of equal ones the leftmost, again and again.
  [[nodiscard]] PairIds merged(PairIds symbols) const {
    for (;;) {
      std::optional<std::size_t> best, at;
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
        for (std::size_t rank = 0; rank < merges.size() && (!best || rank < *best); ++rank)
          if (merges[rank].left == token(symbols[i]) && merges[rank].right == token(symbols[i + 1])) {
            best = rank;
            at = i;
          }
      if (!best) return symbols;
      symbols[*at] = *ids.find(merges[*best].left + merges[*best].right);
      symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(*at) + 1);
    }
  }
  [[nodiscard]] const std::string& token(std::int32_t id) const {
    return tokens[static_cast<std::size_t>(id)];
  }
};

}  // namespace

TEST_CASE("Merges follow their definition in words of every length") {
  const Toy toy(60);
  const MergeTable table(toy.merges, toy.ids);
  std::mt19937 random(11);
  for (std::size_t length = 0; length < 120; ++length)
    for (int trial = 0; trial < 4; ++trial) {
      PairIds symbols(length);
      for (std::int32_t& symbol : symbols) symbol = static_cast<std::int32_t>(random() % 5);
      const PairIds expected = toy.merged(symbols);
      table.apply(symbols);
      REQUIRE(symbols == expected);
    }
}

TEST_CASE("A pair that is listed twice has its last rank") {
  StringMap<std::int32_t> ids;
  for (const char* token : {"a", "b", "ab", "ba"}) ids.add(token, static_cast<std::int32_t>(ids.size()));
  PairIds symbols{0, 1, 0};
  MergeTable({{"a", "b"}, {"b", "a"}, {"a", "b"}}, ids).apply(symbols);
  CHECK(symbols == PairIds{0, 3});
  CHECK_THROWS_WITH(MergeTable({{"a", "x"}}, ids), contains("merge 0 = 'a x': 'x' is not in the vocabulary"));
  CHECK_THROWS_WITH(MergeTable({{"b", "b"}}, ids), contains("'bb' is not in the vocabulary"));
}

TEST_CASE("A map of strings holds what a map of the standard library holds") {
  StringMap<int> map;
  std::unordered_map<std::string, int> expected;
  CHECK(map.find("") == nullptr);
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string text(random() % 24, '\0');
    for (char& c : text) c = static_cast<char>(random() % 3);
    const auto [value, fresh] = map.add(text, i);
    const auto [at, was_fresh] = expected.emplace(text, i);
    REQUIRE(fresh == was_fresh);
    REQUIRE(*value == at->second);
  }
  CHECK(map.size() == expected.size());
  for (const auto& [text, value] : expected) REQUIRE(*map.find(text) == value);
  CHECK_FALSE(map.contains(std::string(25, '\0')));
  map.clear();
  CHECK(map.size() == 0);
  CHECK_FALSE(map.contains(""));
}

TEST_CASE("A cache of words returns what was put into it and forgets the rest") {
  WordCache cache;
  PairIds ids{9};
  CHECK_FALSE(cache.get("word", ids));
  cache.put("word", PairIds{3});
  cache.put("none", PairIds{});
  cache.put("several", PairIds{4, 5, 6});
  cache.put(std::string(65, 'x'), PairIds{1});
  CHECK(cache.get("word", ids));
  CHECK(cache.get("none", ids));
  CHECK(cache.get("several", ids));
  CHECK_FALSE(cache.get(std::string(65, 'x'), ids));
  CHECK(ids == PairIds{9, 3, 4, 5, 6});
  for (int i = 0; i < 70000; ++i) cache.put(std::to_string(i), PairIds{i, i + 1});
  CHECK_FALSE(cache.get("several", ids));
  ids.clear();
  CHECK(cache.get("69999", ids));
  CHECK(ids == PairIds{69999, 70000});
}
