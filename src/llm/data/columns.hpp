/// @file What the values of a column are like, for the inference of a task.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/data/row_table.hpp"

namespace zofo::data::detail {

/// A column's values.
struct Column {
  std::string name;
  std::size_t rows = 0;                        ///< with a value: neither missing nor null nor blank
  std::size_t present = 0;                     ///< with a text, which may be blank
  std::size_t lists = 0;                       ///< whose value is a list of two texts or more
  std::size_t any_lists = 0;                   ///< whose value is a list
  std::size_t numbers = 0;                     ///< whose text is a number
  std::size_t longest = 0;                     ///< bytes of the longest text
  std::map<std::string, std::size_t> counts;   ///< of each value (plain_label), the first `most_counted`
  std::map<std::string, std::string> written;  ///< the first spelling of each value
  bool many = false;                           ///< more distinct values than that
};

/// Distinct values that are counted.
inline constexpr std::size_t most_counted = 1000;

/// The columns of a table, in its order.
std::vector<Column> columns_of(const RowTable& table);

/// "is_spam", "isSpam" and "Is-Spam" as "isspam", to compare names.
std::string bare_name(std::string_view name);

/// "is_spam" as "Is spam", for prompts.
std::string title_of(std::string_view name);

/// The names between quotes and separated by commas, for messages.
std::string quoted_names(const std::vector<std::string>& names);

}  // namespace zofo::data::detail
