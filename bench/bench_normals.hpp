/// @file Throughput of random directions on one core.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/random.hpp"

namespace zofo::bench {

/// Median rate of fill(repeat, buffer, n) in values per second: 64 Ki floats a call, 301 calls after one to
/// warm up.
template <class Fill>
double values_per_second(Fill&& fill) {
  constexpr std::size_t n = 64 * 1024;
  constexpr std::uint32_t repeats = 301;
  std::vector<float> buffer(n);
  fill(0u, buffer.data(), n);
  std::vector<double> seconds;
  for (std::uint32_t repeat = 1; repeat <= repeats; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    fill(repeat, buffer.data(), n);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + repeats / 2, seconds.end());
  return static_cast<double>(n) / seconds[repeats / 2];
}

/// Standard normals a second on one core. NumPy's counterpart: Generator.standard_normal(dtype=float32,
/// out=buffer).
inline double normals_per_second() {
  return values_per_second(
      [](std::uint32_t step, float* z, std::size_t n) { normals({1, step, 0}, 0, 0, z, n); });
}

/// Random signs a second on one core, written as floats.
inline double rademacher_per_second() {
  return values_per_second(
      [](std::uint32_t step, float* z, std::size_t n) { rademacher({1, step, 0}, 0, 0, z, n); });
}

}  // namespace zofo::bench
