/// @file The positions of a batch that its targets refer to, each once.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "zofo/model/batch.hpp"
#include "zofo/model/packing.hpp"

namespace zofo::model {

/// Distinct (sequence, position) pairs become rows of the head's input, in the order of the targets.
struct HeadRows {
  std::vector<std::uint32_t> tokens;  ///< packed token of each row
  std::vector<std::uint32_t> row_of;  ///< row of each target

  /// Reads the targets of a batch that check_batch has accepted.
  void set(const Batch& batch, const Packing& packing) {
    tokens.clear();
    row_of.clear();
    std::map<std::uint32_t, std::uint32_t> seen;
    for (const Target& t : batch.targets) {
      const std::uint32_t token = packing.first_token_row(t.sequence) + t.position;
      const auto [entry, is_new] = seen.try_emplace(token, static_cast<std::uint32_t>(tokens.size()));
      if (is_new) tokens.push_back(token);
      row_of.push_back(entry->second);
    }
  }
};

}  // namespace zofo::model
