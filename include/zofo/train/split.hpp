/// @file Training rows cut into the parts that a method uses.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/batcher.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/core/batcher.hpp"
#include "zofo/lm/encoded_example.hpp"

namespace zofo::llm {

/// The training rows cut into the parts that a method uses.
struct Split {
  std::vector<EncodedRow> upper;     ///< D_f, what F is stepped on
  std::vector<EncodedRow> lower;     ///< D_g
  std::vector<EncodedRow> decision;  ///< what no step sees: decides what is served, and when to stop early
};

/// Both levels: D_g two thirds, D_f one third, a quarter of which decides. A method of one level: all rows
/// are D_g (an adapter's gradient) or D_f; if `deciding`, as many as the other would take, a twelfth, are set
/// aside. The cut is a pure function of the seed. Throws Error on fewer rows than parts.
inline Split split_rows(const std::string& method, std::vector<EncodedRow> rows, std::uint64_t seed,
                        bool deciding = false) {
  constexpr std::uint32_t split_stream = stream_number(BatchStream::split);
  const Trains trains = method_named(method).trains;
  const bool both = trains == Trains::both_levels;
  if (!both && !deciding) {
    if (trains == Trains::adapter) return {{}, std::move(rows), {}};
    return {std::move(rows), {}, {}};
  }
  const std::size_t n = rows.size();
  require(n >= 6, "training rows: {}: {} needs at least 6 for its parts and the deciding rows", n, method);
  const std::size_t third = n / 3, decide = (third + 3) / 4;
  const std::size_t upper = both ? third : trains == Trains::adapter ? decide : n;
  Split split;
  std::size_t place = 0;
  for (std::size_t i : data::shuffled(seed, split_stream, 0, n)) {
    std::vector<EncodedRow>& part = place < decide  ? split.decision
                                    : place < upper ? split.upper
                                                    : split.lower;
    part.push_back(std::move(rows[i]));
    ++place;
  }
  return split;
}

}  // namespace zofo::llm
