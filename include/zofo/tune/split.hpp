/// @file Training rows cut into the parts that a method uses.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "zofo/data/batcher.hpp"
#include "zofo/tune/examples_batch.hpp"

namespace zofo::tune {

/// The training rows cut into the parts that a method uses.
struct Split {
  std::vector<EncodedRow> upper;     ///< D_f, what F is stepped on
  std::vector<EncodedRow> lower;     ///< D_g
  std::vector<EncodedRow> decision;  ///< a quarter of D_f that no step sees: decides what is served
};

/// Bilevel: D_g two thirds, D_f one third. LoRA alone: all rows are D_g. MeZO: all rows are D_f.
/// The cut is a pure function of the seed. Throws Error on fewer rows than parts.
inline Split split_rows(const std::string& method, std::vector<EncodedRow> rows, std::uint64_t seed) {
  if (method == "lora") return {{}, std::move(rows), {}};
  if (method == "mezo") return {std::move(rows), {}, {}};
  constexpr std::uint64_t split_stream = 1000;  // far from the streams of the batches
  const std::size_t n = rows.size();
  require(n >= 6, "training rows: {}: bilevel needs at least 6 for D_g, D_f and the deciding rows", n);
  const std::size_t upper = n / 3;
  const std::size_t deciding = (upper + 3) / 4;
  Split split;
  std::size_t place = 0;
  for (std::size_t i : data::shuffled(seed, split_stream, 0, n)) {
    std::vector<EncodedRow>& part = place < deciding ? split.decision
                                    : place < upper  ? split.upper
                                                     : split.lower;
    part.push_back(std::move(rows[i]));
    ++place;
  }
  return split;
}

}  // namespace zofo::tune
