/// @file Directions, weights and segments for the tests of noise on the GPU, and what core makes of them.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "zofo/core/random.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"

namespace zofo::tensor::cuda::noise_cases {

constexpr std::uint64_t kSeed = 0x0123456789ABCDEFULL;
constexpr std::uint64_t kEnd = std::uint64_t{1} << 34U;

inline ProbeArgument probe_of(std::uint32_t query, float scale, std::uint32_t step = 7) {
  return {kSeed, step, query, scale, 0};
}

inline Direction direction_of(const ProbeArgument& probe) { return {probe.seed, probe.step, probe.query}; }

// z as core makes it.
inline std::vector<float> entries(Distribution distribution, Direction direction, std::uint32_t tensor,
                                  std::uint64_t offset, std::size_t n) {
  std::vector<float> z(n, 0.0F);
  if (distribution == Distribution::gaussian) zofo::normals(direction, tensor, offset, z.data(), n);
  if (distribution == Distribution::rademacher) zofo::rademacher(direction, tensor, offset, z.data(), n);
  return z;
}

inline std::vector<float> filled(Distribution distribution, const ProbeArgument& probe, std::uint32_t tensor,
                                 std::uint64_t offset, std::size_t n) {
  DeviceArray<float> z(n);
  fill(nullptr, distribution, probe, tensor, offset, n, z.data());
  return z.host();
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = difference;  // takes NaN too
  }
  return largest;
}

inline std::uint16_t bits_of(bf16 x) { return __bfloat16_as_ushort(x); }
inline std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }
inline bf16 bf16_of(std::uint16_t bits) { return __ushort_as_bfloat16(bits); }
inline float widened(float x) { return x; }
inline float widened(bf16 x) { return __bfloat162float(x); }

template <class T>
T rounded(float x) {
  if constexpr (std::is_same_v<T, float>) return x;
  return __float2bfloat16(x);
}

template <class T>
std::vector<T> rounded(const std::vector<float>& x) {
  std::vector<T> out;
  for (const float value : x) out.push_back(rounded<T>(value));
  return out;
}

template <class T>
std::size_t different_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return std::max(a.size(), b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += bits_of(a[i]) != bits_of(b[i]) ? 1U : 0U;
  return count;
}

// Pieces of every kind: whole groups on 16 bytes, halves of groups, odd offsets and sizes, less than a group,
// none at all. Gaps between them must stay as they are.
inline Segments awkward_segments() {
  Segments s;
  const auto add = [&s](std::uint32_t tensor, std::uint64_t offset, std::uint64_t size, std::uint64_t from,
                        std::uint64_t to) { s.segment[s.count++] = {tensor, offset, size, from, to}; };
  add(3, 0, 64, 0, 16);
  add(5, 13, 101, 64, 88);
  add(5, 114, 1, 165, 200);
  add(6, 1, 0, 0, 0);
  add(7, 20, 60, 168, 208);      // halves: entry 0 would lie 8 bytes past a multiple of 16 in bf16
  add(8, 1016, 4000, 232, 272);  // whole groups
  add(9, 1019, 6, 4235, 4275);   // over a group's end
  add(9, 1026, 3, 4243, 4283);   // within a group
  add(10, 8, 3001, 4248, 4288);  // whole groups and a tail
  add(11, kEnd - 40, 40, 7256, 7296);
  return s;
}
constexpr std::size_t kFrom = 7300, kTo = 7352;

template <class T>
std::vector<T> weights(std::size_t n) {
  return rounded<T>(random_values(5, n, 2.0F));
}

inline Segments one_segment(std::uint32_t tensor, std::uint64_t size, std::uint64_t offset = 0,
                            std::uint64_t from = 0) {
  Segments s;
  s.segment[0] = {tensor, offset, size, from, 0};
  s.count = 1;
  return s;
}

inline std::vector<UpdateTerm> some_terms(std::uint32_t count, float scale) {
  std::vector<UpdateTerm> terms;
  for (std::uint32_t k = 0; k < count; ++k)
    terms.push_back(probe_of(k, (k % 2 == 0 ? scale : -0.6F * scale) / static_cast<float>(k + 1)));
  return terms;
}

}  // namespace zofo::tensor::cuda::noise_cases
