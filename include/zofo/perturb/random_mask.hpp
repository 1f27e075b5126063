/// @file A random choice of coordinates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo {

/// Keeps each coordinate with probability `fraction`, independently: it keeps those whose uniform number of
/// ExtraStream::mask at the key (seed, step / hold) is below `fraction`. All queries of a step use one mask.
struct RandomMask {
  /// Share of the coordinates that is kept, in (0, 1]. Lower it to perturb and update fewer coordinates per
  /// step.
  double fraction = 0.1;
  /// Seed of the mask; may equal that of the directions.
  std::uint64_t seed = 0;
  /// Number of steps that use the same mask; 0: all steps, which fixes the coordinates that are trained.
  std::uint32_t hold = 1;

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
  /// Expected number of kept coordinates of d.
  [[nodiscard]] double mean_kept(std::size_t d) const { return fraction * static_cast<double>(d); }
  /// The same number, given that one of them is kept.
  [[nodiscard]] double mean_kept_given_one(std::size_t d) const {
    return 1.0 + fraction * (static_cast<double>(d) - 1.0);
  }
};

}  // namespace zofo
