/// @file How large the passes of a run can get: what a device must have room for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "zofo/tune/examples_batch.hpp"

namespace zofo::tune {

/// Rows of the passes of a run, in units of the longest row.
struct PassRows {
  std::size_t probed = 0;    ///< of an outer step's pass; 0 where the backbone does not move
  std::size_t gradient = 0;  ///< of an adapter step's pass; 0 where no adapter is trained
};

/// Largest sizes of a packed batch of one row.
struct RowExtent {
  std::size_t tokens = 0, sequences = 0, longest = 0, targets = 0;

  /// Takes rows into account; `options` are their task's.
  void cover(std::span<const EncodedRow> rows, const OptionTokens& options) {
    std::size_t prompt = 1, option = 1;
    for (const EncodedRow& row : rows) prompt = std::max(prompt, row.prompt.size());
    for (const Tokens& each : options.options) option = std::max(option, each.size());
    sequences = options.single() ? 1 : options.options.size();
    longest = std::max(longest, prompt + option - 1);
    tokens = sequences * longest;
    targets = options.targets();
  }
};

}  // namespace zofo::tune
