/// @file A random choice of coordinates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo {

/// Keeps each coordinate with probability `fraction`, independently: those whose uniform number of
/// ExtraStream::mask is below it, at the key (seed, step / hold). All queries of a step share the mask.
struct RandomMask {
  double fraction = 0.1;   ///< in (0, 1]
  std::uint64_t seed = 0;  ///< of the mask; may be that of the directions
  std::uint32_t hold = 1;  ///< steps that share one mask; 0: all steps

  /// Throws Error naming the field out of range.
  void check() const {
    require(fraction > 0.0 && fraction <= 1.0, "fraction = {}: must be in (0, 1]", fraction);
  }
  /// Throws Error when a tensor's stream leaves no stream for its mask.
  template <HasTensors Theta>
  void check_shape(const Theta& theta) const {
    list_tensors(theta, [](std::uint32_t tensor, const auto*, std::size_t) {
      static_cast<void>(extra_stream(ExtraStream::mask, tensor));
    });
  }
  /// Sets the entries of z off the mask to zero.
  template <class T>
  void apply(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    const Direction key{seed, hold == 0 ? 0 : direction.step / hold, 0};
    keep_at_random(key, extra_stream(ExtraStream::mask, tensor), offset, fraction, z, n);
  }
  /// Kept coordinates of d in the mean.
  [[nodiscard]] double mean_kept(std::size_t d) const { return fraction * static_cast<double>(d); }
  /// The same, given that one of them is kept.
  [[nodiscard]] double mean_kept_given_one(std::size_t d) const {
    return 1.0 + fraction * (static_cast<double>(d) - 1.0);
  }
};

}  // namespace zofo
