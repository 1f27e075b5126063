#include "zofo/tokenize/splitter.hpp"

namespace zofo::tokenize {

/// The pieces of a text: its stretches, joined or removed as the behavior of the step requires.
std::vector<Splitter::Stretch> Splitter::stretches(const Split& step, std::string_view text) {
  std::vector<Stretch> all;
  step.pattern.stretches(text, step.pattern.match().get(), [&](std::string_view piece, bool match) {
    const auto begin = static_cast<std::size_t>(piece.data() - text.data());
    all.push_back({begin, begin + piece.size(), match != step.invert});
  });
  std::vector<Stretch> result;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Stretch& s = all[i];
    const bool before = i > 0 && all[i - 1].match;  // of two matches in a row only one is merged
    bool join = false;
    if (step.behavior == SplitBehavior::removed && s.match) continue;
    if (step.behavior == SplitBehavior::contiguous) join = i > 0 && before == s.match;
    if (step.behavior == SplitBehavior::merged_with_previous) join = i > 0 && s.match && !before;
    if (step.behavior == SplitBehavior::merged_with_next) join = i > 0 && before && !s.match;
    join ? void(result.back().end = s.end) : result.push_back(s);
  }
  return result;
}

std::string Splitter::spell_spaces(const Metaspace& step, std::string_view text, bool first) {
  std::string spelled;
  spelled.reserve(text.size() + 3 * step.symbol.size());
  for (const char c : text) c == ' ' ? spelled += step.symbol : spelled += c;
  const bool wanted = step.prefix == PrefixScheme::always || (step.prefix == PrefixScheme::first && first);
  if (wanted && !spelled.starts_with(step.symbol)) spelled.insert(0, step.symbol);
  return spelled;
}

}  // namespace zofo::tokenize
