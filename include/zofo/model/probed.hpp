/// @file Weights at a probe θ + scale·z, written to scratch memory just before they are used. θ itself is not
/// modified.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"

namespace zofo::model {

/// The perturbation distribution of calls that evaluate only θ itself: z = 0.
struct NoPerturbation {
  /// z[i] = 0 for i < n.
  template <class T>
  void fill(Direction, std::uint32_t, std::uint64_t, T* z, std::size_t n) const {
    std::fill_n(z, n, T{0});
  }
};

/// Consecutive probes of one direction: their noise is generated once.
struct ProbeGroup {
  std::size_t first = 0;  ///< index of the first probe
  std::size_t count = 0;  ///< probes
};

/// Splits probes into runs of one direction. A probe of scale 0 needs no noise and is a group of its own.
inline std::vector<ProbeGroup> group_probes(std::span<const Probe> probes) {
  std::vector<ProbeGroup> groups;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const bool joins = i > 0 && probes[i].scale != 0.0 && probes[i - 1].scale != 0.0 &&
                       probes[i].direction == probes[i - 1].direction;
    if (joins)
      ++groups.back().count;
    else
      groups.push_back({i, 1});
  }
  return groups;
}

/// out[j][i] = x[i] + scale_j·z[offset + i] for every probe j of a group, i < n. z is generated once for all
/// probes, in chunks that stay in the first-level cache.
template <class Distribution>
void write_probed(const Distribution& distribution, std::span<const Probe> group, std::uint32_t stream,
                  std::uint64_t offset, const float* x, std::size_t n, std::span<float* const> out) {
  constexpr std::size_t chunk = 2048;
  const std::size_t chunks = (n + chunk - 1) / chunk;
#pragma omp parallel for schedule(static) if (chunks > 4)
  for (std::size_t c = 0; c < chunks; ++c) {
    std::array<float, chunk> z;
    const std::size_t first = c * chunk;
    const std::size_t count = std::min(chunk, n - first);
    distribution.fill(group[0].direction, stream, offset + first, z.data(), count);
    for (std::size_t j = 0; j < group.size(); ++j) {
      const auto scale = static_cast<float>(group[j].scale);
      float* y = out[j] + first;
      const float* xi = x + first;
#pragma omp simd
      for (std::size_t i = 0; i < count; ++i) y[i] = xi[i] + scale * z[i];
    }
  }
}

}  // namespace zofo::model
