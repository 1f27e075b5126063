/// @file Labels as texts: which spellings mean the same label.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace zofo::data {

/// One spelling of all labels that mean the same: an integer for a number that is one ("1.0", "1e0" and "01"
/// are "1") and for true and false, in any of their usual spellings ("true", "True", "TRUE" are "1"); the
/// shortest form of any other number. Any other text is returned unchanged, and so is an integer beyond 2^53.
std::string plain_label(std::string_view text);

/// The index of a label in a map: that of the same text, or else of the texts with the same plain_label.
/// Empty if there is none, or if such texts have different indices.
std::optional<int> find_label(const std::map<std::string, int>& map, const std::string& text);

/// The position that a label gives by itself: an index from 0 (0, "0", 0.0), or a letter (A or a is the
/// first). Empty unless it is below `count`.
std::optional<std::size_t> position_of_label(std::string_view text, std::size_t count);

/// The texts of a map between quotes, for messages; the first 20 of them.
std::string label_list(const std::map<std::string, int>& map);

}  // namespace zofo::data
