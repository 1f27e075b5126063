/// @file Directions on the GPU against core's, and probes written against perturbing on the CPU.
#include "zofo/tensor/cuda/kernels/noise.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "noise_cases.hpp"
#include "zofo/core/random.hpp"
#include "zofo/perturb/gaussian.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::noise_cases;
using zofo::Direction;

namespace {

// What write_probes should write for one probe; entries of no segment are NaN as in a fresh array.
template <class T>
std::vector<T> probed(const Segments& segments, Distribution distribution, const ProbeArgument& probe,
                      Direction direction, const std::vector<T>& x, std::size_t size) {
  std::vector<T> out(size);
  std::vector<bool> written(size, false);
  for (std::uint32_t k = 0; k < segments.count; ++k) {
    const Segment& s = segments.segment[k];
    const auto z = entries(distribution, direction, s.tensor, s.offset, s.size);
    for (std::size_t i = 0; i < s.size; ++i) {
      const float theta = widened(x[s.from + i]);
      out[s.to + i] =
          rounded<T>(distribution == Distribution::none ? theta : std::fma(probe.scale, z[i], theta));
      written[s.to + i] = true;
    }
  }
  for (std::size_t i = 0; i < size; ++i)
    if (!written[i]) {
      if constexpr (std::is_same_v<T, float>) {
        out[i] = std::bit_cast<float>(0xFFFFFFFFU);
      } else {
        out[i] = bf16_of(0xFFFFU);
      }
    }
  return out;
}

template <class T>
void check_probes(Distribution distribution, std::uint32_t count, bool own, std::size_t stride) {
  const Segments segments = awkward_segments();
  const auto x = weights<T>(kFrom);
  std::vector<ProbeArgument> probes;
  for (std::uint32_t j = 0; j < count; ++j)
    probes.push_back(probe_of(j, (j % 2 == 0 ? 1.0F : -1.0F) * 0.03F / static_cast<float>(1 + j / 2)));
  const DeviceArray<T> theta(x);
  const DeviceArray<ProbeArgument> arguments(probes);
  DeviceArray<T> out(count * stride);
  (own ? write_own_probes<T> : write_probes<T>)(nullptr, distribution, arguments.data(), count, segments,
                                                theta.data(), out.data(), stride);
  std::vector<T> expected;
  for (std::uint32_t j = 0; j < count; ++j) {
    const auto one =
        probed(segments, distribution, probes[j], direction_of(own ? probes[j] : probes[0]), x, stride);
    expected.insert(expected.end(), one.begin(), one.end());
  }
  // Where a normal is not core's to the bit, one of some 10^4 sums may round the other way.
  INFO("law " << static_cast<int>(distribution) << ", " << count << " probes, own " << own << ", "
              << sizeof(T) << " bytes");
  CHECK(different_bits(out.host(), expected) <= (distribution == Distribution::gaussian ? 2U : 0U));
  const auto got = out.host();
  double largest = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const float a = widened(got[i]), b = widened(expected[i]);
    if (std::isnan(a) && std::isnan(b)) continue;
    const double difference = std::abs(static_cast<double>(a) - static_cast<double>(b));
    if (!(difference <= largest)) largest = difference;
  }
  CHECK(largest <= (sizeof(T) == 4 ? 1e-6 : 0.016));
}

}  // namespace

TEST_CASE("Philox words are core's", "[cuda]") {
  const ProbeArgument probe = probe_of(3, 0.0F);
  const zofo::PhiloxStream stream{direction_of(probe), 0x4000001BU};
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4094}, kEnd - 1000}) {
    constexpr std::size_t n = 1000;
    DeviceArray<std::uint32_t> words(n);
    philox_words(nullptr, probe, stream.tensor, offset, n, words.data());
    std::vector<std::uint32_t> expected;
    for (std::uint64_t i = offset; i < offset + n; ++i)
      expected.push_back(stream.block(static_cast<std::uint32_t>(i / 4))[i % 4]);
    CHECK(words.host() == expected);
  }
}

TEST_CASE("normals and signs are core's", "[cuda]") {
  const ProbeArgument probe = probe_of(3, 0.0F);
  const auto check = [&probe](std::uint64_t offset, std::size_t n) {
    const auto z = filled(Distribution::gaussian, probe, 11, offset, n);
    const auto expected = entries(Distribution::gaussian, direction_of(probe), 11, offset, n);
    const double largest = largest_difference(z, expected);
    INFO("offset " << offset << ": largest difference of a normal " << largest << ", "
                   << different_bits(z, expected) << " of " << n << " differ");
    CHECK(largest <= 1e-6);
    CHECK(different_bits(z, expected) <= n / 10000);
    CHECK(filled(Distribution::rademacher, probe, 11, offset, n) ==
          entries(Distribution::rademacher, direction_of(probe), 11, offset, n));
  };
  check(0, std::size_t{1} << 22U);
  check(0, 1);
  check(5, 2);
  check(kEnd - 3001, 3001);
  for (std::uint64_t offset = 1; offset < 300; offset += 37) check(offset, 1000 + offset);
  CHECK(filled(Distribution::none, probe, 11, 3, 20) == std::vector<float>(20, 0.0F));
}

TEST_CASE("write_probes writes the same as the CPU, and nothing else", "[cuda]") {
  for (const Distribution distribution :
       {Distribution::none, Distribution::gaussian, Distribution::rademacher})
    for (const std::uint32_t count : {1U, 2U, 3U, 5U})
      for (const bool own : {false, true})
        for (const std::size_t stride : {kTo, kTo - 1}) {
          check_probes<float>(distribution, count, own, stride);
          check_probes<bf16>(distribution, count, own, stride);
        }
}

TEST_CASE("write_probes is perturb_pair_normals in fp32", "[cuda]") {
  constexpr std::size_t n = 5003;
  constexpr std::uint64_t offset = 77;
  const auto x = weights<float>(n);
  const std::vector<ProbeArgument> probes{probe_of(0, 1e-3F), probe_of(0, -1e-3F)};
  std::vector<float> expected(2 * n);
  zofo::Gaussian{}.pair_range(direction_of(probes[0]), 4, offset, 1e-3F, x.data(), expected.data(),
                              expected.data() + n, n);
  const DeviceArray<float> theta(x);
  const DeviceArray<ProbeArgument> arguments(probes);
  DeviceArray<float> out(2 * n);
  write_probes(nullptr, Distribution::gaussian, arguments.data(), 2, one_segment(4, n, offset), theta.data(),
               out.data(), n);
  CHECK(largest_difference(out.host(), expected) <= 1e-6);
}

TEST_CASE("write_probes of no probe or no entry does nothing", "[cuda]") {
  const DeviceArray<ProbeArgument> arguments(std::vector<ProbeArgument>{probe_of(0, 1.0F)});
  DeviceArray<float> out(8);
  write_probes<float>(nullptr, Distribution::gaussian, arguments.data(), 1, Segments{}, out.data(),
                      out.data(), 8);
  write_probes<float>(nullptr, Distribution::gaussian, arguments.data(), 0, one_segment(1, 8), out.data(),
                      out.data(), 8);
  for (const float x : out.host()) CHECK(std::isnan(x));
}

TEST_CASE("many groups a thread give the entries of one", "[cuda]") {
  // Enough groups that threads take two and four of them.
  for (const std::size_t n : {(std::size_t{1} << 22U) * 3 / 2 + 5, (std::size_t{1} << 24U) * 3 / 2 + 5}) {
    const auto z = filled(Distribution::gaussian, probe_of(1, 0.0F), 2, 3, n);
    const auto expected = entries(Distribution::gaussian, direction_of(probe_of(1, 0.0F)), 2, 3, n);
    CHECK(largest_difference(z, expected) <= 1e-6);
  }
}
