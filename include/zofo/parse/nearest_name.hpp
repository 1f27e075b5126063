/// @file The known names that a misspelt one may stand for, for error messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::parse {

/// The least number of insertions, deletions and replacements of a byte and exchanges of two neighbours that
/// turn `a` into `b`, no part being changed twice (optimal string alignment: Damerau, 1964). Costs |a| · |b|.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// Texts of more bytes are not compared with names, whose length bounds the cost.
inline constexpr std::size_t longest_name = 100;

/// The name of `names` (strings or string views) with the least edit distance to `given`, the first of
/// several. Empty where more than a third of the bytes of `given`, and more than one, would have to change,
/// and for a text longer than any name could be.
template <class Names>
[[nodiscard]] std::optional<std::string> nearest_name(std::string_view given, const Names& names) {
  std::optional<std::string> nearest;
  std::size_t least = std::max<std::size_t>(1, given.size() / 3) + 1;
  if (given.size() > longest_name) return nearest;
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

/// At most `most` of the names, those of the smallest edit distance first; a name that contains `given`, or
/// is contained in it, comes before others of its distance.
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view given,
                                                     std::span<const std::string> names,
                                                     std::size_t most = 3);

/// "; did you mean A?" if up to a third of the letters differ, with up to three names where more than two
/// letters do; else "; the nearest are A, B, C"; empty without names.
[[nodiscard]] std::string name_hint(std::string_view given, std::span<const std::string> names);

}  // namespace zofo::parse
