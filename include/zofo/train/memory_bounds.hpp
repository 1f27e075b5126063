/// @file How large the passes of a run can get: what a device must have room for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/config/zeroth_order_options.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/text_extent.hpp"

namespace zofo::llm {

/// Rows of the passes of a run, in units of the longest row.
struct PassRows {
  std::size_t probed = 0;      ///< of an outer step's pass; 0 where the backbone does not move
  std::size_t gradient = 0;    ///< of an adapter step's pass; 0 where no adapter is trained
  std::size_t probes = 2;      ///< that share an outer step's pass: both sides of a dense direction
  std::uint32_t low_rank = 0;  ///< rank of the directions, all of whose probes share a pass; 0: dense ones
  /// Adapters where one is trained: p and s with gradient and moments, all once more to fall back on; a
  /// pass's.
  std::size_t vectors = 2 * (2 + 2 * 3) + 3;
  TextExtent texts = {};  ///< that are written between or after the passes
};

/// The probes that share an outer step's pass.
inline void take_probes(const ZerothOrderOptions& o, PassRows& rows) {
  if (o.direction != "low-rank") return;
  rows.probes = o.one_sided ? o.queries + 1 : 2 * std::size_t{o.queries};
  rows.low_rank = o.direction_rank;
}

/// Largest sizes of a packed batch of one row.
struct RowExtent {
  std::size_t tokens = 0, sequences = 0, longest = 0, targets = 0;

  /// The same with an adapter of `taken` positions before each sequence; `read`: they are rows of the pass
  /// (prompts).
  [[nodiscard]] RowExtent after(std::size_t taken, bool read) const {
    return {tokens + (read ? sequences * taken : 0), sequences, longest + taken, targets};
  }

  /// Takes rows into account.
  void cover(std::span<const EncodedRow> rows) {
    for (const EncodedRow& row : rows) {
      const OptionTokens& options = *row.options;
      const std::size_t count = options.single() ? 1 : options.options.size();
      std::size_t packed = count * row.prompt.size();
      if (!options.single())
        for (std::size_t i = 0; i < count; ++i) packed += options.added(i);
      sequences = std::max(sequences, count);
      longest = std::max(longest, row.prompt.size() + options.longest());
      tokens = std::max(tokens, packed);
      targets = std::max(targets, options.targets());
    }
  }
};

/// Rows, as large as `row`, of the largest pass of several adapters' gradients: of one alone, which has up to
/// `largest` of the `all` rows, or of those that share a pass because `fill` tokens hold them
/// (packed_gradients).
inline std::size_t rows_of_joint_pass(std::size_t largest, std::size_t all, const RowExtent& row,
                                      std::size_t fill) {
  return std::max(largest, std::min(all, fill / std::max<std::size_t>(row.tokens, 1) + 1));
}

}  // namespace zofo::llm
