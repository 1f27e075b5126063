/// @file Dropout of LoRA's input: a mask that is a pure function of its key.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "zofo/core/direction.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::peft {

/// Selects the masks of a call; a call without a key drops nothing.
struct DropoutKey {
  std::uint64_t seed = 0;  ///< of the run
  std::uint32_t step = 0;  ///< of the training step
};

/// Entry i of a mask is 0 with probability `rate`, else 1/(1 − rate) (inverted dropout; Srivastava et al.
/// 2014). It is decided by word i % 4 of Philox block i / 4 of (seed, step, query; mask_id): 0 below
/// `threshold`. i = packed row · inputs + column.
struct DropoutMask {
  /// Query number of masks: no direction of the same seed and step has it.
  static constexpr std::uint32_t query = query_number(QueryWord::dropout);

  std::uint32_t threshold = 0;  ///< rate·2^32
  float scale = 1.0F;           ///< 1/(1 − rate)

  DropoutMask() = default;
  /// A mask that drops a share `rate`, in [0, 1).
  explicit DropoutMask(float rate)
      : threshold(static_cast<std::uint32_t>(std::ldexp(static_cast<double>(rate), 32))),
        scale(1.0F / (1.0F - rate)) {}

  /// y[j] (+)= mask[first + j]·x[j] for j < n; mask_id: from dropout_mask_id.
  template <bool add>
  void apply(DropoutKey key, std::uint32_t mask_id, std::uint64_t first, const float* x, std::size_t n,
             float* y) const {
    const PhiloxStream stream{Direction{key.seed, key.step, query}, mask_id};
    for (std::size_t j = 0; j < n;) {
      const std::array<std::uint32_t, 4> words = stream.block(static_cast<std::uint32_t>((first + j) / 4));
      for (std::uint64_t w = (first + j) % 4; w < 4 && j < n; ++w, ++j) {
        const float masked = words[w] >= threshold ? scale * x[j] : 0.0F;
        y[j] = add ? y[j] + masked : masked;
      }
    }
  }
};

/// Number of the random stream that masks the input of a projection of a layer.
[[nodiscard]] constexpr std::uint32_t dropout_mask_id(std::size_t layer, std::size_t projection) {
  return static_cast<std::uint32_t>(layer * 8 + projection);
}

}  // namespace zofo::peft
