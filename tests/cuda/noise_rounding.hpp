/// @file Updates on the GPU, and the stochastic rounding that noise.hpp describes.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "noise_cases.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::tensor::cuda::noise_cases {

// The words that round coordinates 8·group … 8·group + 7 of `tensor`, as the header describes them.
inline std::array<std::uint32_t, 4> rounding_words(Direction direction, std::uint32_t tensor,
                                                   std::uint32_t group, bool one_gaussian) {
  if (!one_gaussian)
    return zofo::PhiloxStream{direction, zofo::extra_stream(ExtraStream::rounding, tensor)}.block(group);
  const zofo::PhiloxStream own{direction, tensor};
  auto c = own.block(2 * group);
  const auto back = own.block(2 * group + 1);
  for (std::size_t i = 0; i < 4; ++i) c[i] ^= back[i];
  for (int round = 0; round < 2; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * c[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * c[2];
    c = {static_cast<std::uint32_t>(b >> 32U) ^ c[1], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32U) ^ c[3], static_cast<std::uint32_t>(a)};
  }
  return c;
}

inline bf16 rounded_stochastically(float sum, Direction direction, std::uint32_t tensor, std::uint64_t i,
                                   bool one_gaussian = false) {
  const std::uint32_t word =
      rounding_words(direction, tensor, static_cast<std::uint32_t>(i / 8), one_gaussian)[i / 2 % 4];
  const std::uint32_t random = i % 2 == 0 ? word & 0xFFFFU : word >> 16U;
  return bf16_of(static_cast<std::uint16_t>((bits_of(sum) + random) >> 16U));
}

template <class T>
std::vector<T> updated(Distribution distribution, const std::vector<UpdateTerm>& terms,
                       const Segments& segments, const std::vector<T>& x) {
  DeviceArray<T> theta(x);
  const DeviceArray<UpdateTerm> on_gpu(terms);
  update(nullptr, distribution, on_gpu.data(), static_cast<std::uint32_t>(terms.size()), segments,
         theta.data());
  return theta.host();
}

// Σ (x' − sum) over entries, in standard errors of an unbiased rounding of the sums to bf16.
inline double rounding_deviation(const std::vector<bf16>& got, const std::vector<double>& sums) {
  double total = 0.0, variance = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto below = static_cast<double>(
        std::bit_cast<float>(bits_of(static_cast<float>(sums[i])) & 0xFFFF0000U));  // towards zero
    const auto above = static_cast<double>(
        std::bit_cast<float>((bits_of(static_cast<float>(sums[i])) & 0xFFFF0000U) + 0x10000U));
    const double fraction = (sums[i] - below) / (above - below);
    total += static_cast<double>(widened(got[i])) - sums[i];
    variance += fraction * (1.0 - fraction) * (above - below) * (above - below);
  }
  return std::abs(total) / std::sqrt(variance);
}

}  // namespace zofo::tensor::cuda::noise_cases
