/// @file The known name that is most like a misspelt one, for error messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zofo::parse {

/// The least number of insertions, deletions and replacements of a byte and exchanges of two neighbours that
/// turn `a` into `b`, no part being changed twice (optimal string alignment). Costs |a| · |b|.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = std::exchange(last, row);
  }
  return last[b.size()];
}

/// The name of `names` (strings or string views) with the least edit distance to `given`, the first of
/// several. Empty where more than a third of the bytes of `given`, and more than one, would have to change,
/// and for a text longer than any name could be.
template <class Names>
[[nodiscard]] std::optional<std::string> nearest_name(std::string_view given, const Names& names) {
  constexpr std::size_t longest = 100;
  std::optional<std::string> nearest;
  std::size_t least = std::max<std::size_t>(1, given.size() / 3) + 1;
  if (given.size() > longest) return nearest;
  for (const std::string_view name : names)
    if (const std::size_t distance = edit_distance(given, name); distance < least)
      least = distance, nearest = std::string(name);
  return nearest;
}

/// "; did you mean 'NAME'?" with the nearest name, or nothing: the part of a message after an unknown name.
template <class Names>
[[nodiscard]] std::string did_you_mean(std::string_view given, const Names& names) {
  const std::optional<std::string> nearest = nearest_name(given, names);
  return nearest ? "; did you mean '" + *nearest + "'?" : "";
}

}  // namespace zofo::parse
