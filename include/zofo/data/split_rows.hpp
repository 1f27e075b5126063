/// @file Splits the rows of one file into training, validation and test rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace zofo::data {

/// Indices of rows by their use, each in increasing order.
struct SplitRows {
  std::vector<std::size_t> train;       ///< the rest
  std::vector<std::size_t> validation;  ///< a tenth of each class
  std::vector<std::size_t> test;        ///< a tenth of each class; empty unless asked for
};

/// Splits rows by class (`classes` has each row's): of each class a tenth, rounded, is for validation, and as
/// many for the test; of a class of three rows or more at least one. A pure function of its arguments.
SplitRows split_rows(std::span<const std::string> classes, bool test, std::uint64_t seed);

}  // namespace zofo::data
