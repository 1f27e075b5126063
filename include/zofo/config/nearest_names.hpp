/// @file The names that a mistyped one may stand for.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::llm {

/// The least number of insertions, deletions and replacements of a byte, and exchanges of two neighbours,
/// that turn one text into the other (optimal string alignment: Damerau, 1964; no part is edited twice).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// At most `most` of the names, those of the smallest edit distance first; a name that contains `given`, or
/// is contained in it, comes before others of its distance.
std::vector<std::string> nearest_names(std::string_view given, std::span<const std::string> names,
                                       std::size_t most = 3);

/// "; did you mean A?" if up to a third of the letters differ, with up to three names where more than two
/// letters do; else "; the nearest are A, B, C"; empty without names.
std::string name_hint(std::string_view given, std::span<const std::string> names);

}  // namespace zofo::llm
