// Directions on the card against core's and perturb's. Statistical checks are at five standard errors with
// fixed seeds: a false alarm in 6e-7 each.
#include "zofo/tensor/cuda/kernels/noise.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "../catch.hpp"
#include "../perturb/shapes.hpp"
#include "device.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/low_rank.hpp"
#include "zofo/perturb/rademacher.hpp"

using namespace zofo::tensor::cuda;
using zofo::Direction;
using zofo::ExtraStream;

namespace {

constexpr std::uint64_t kSeed = 0x0123456789ABCDEFULL;
constexpr std::uint64_t kEnd = std::uint64_t{1} << 34U;

ProbeArgument probe_of(std::uint32_t query, float scale, std::uint32_t step = 7) {
  return {kSeed, step, query, scale, 0};
}

Direction direction_of(const ProbeArgument& probe) { return {probe.seed, probe.step, probe.query}; }

// z as core makes it.
std::vector<float> entries(Law law, Direction direction, std::uint32_t tensor, std::uint64_t offset,
                           std::size_t n) {
  std::vector<float> z(n, 0.0F);
  if (law == Law::gaussian) zofo::normals(direction, tensor, offset, z.data(), n);
  if (law == Law::rademacher) zofo::rademacher(direction, tensor, offset, z.data(), n);
  return z;
}

std::vector<float> filled(Law law, const ProbeArgument& probe, std::uint32_t tensor, std::uint64_t offset,
                          std::size_t n) {
  DeviceArray<float> z(n);
  fill(nullptr, law, probe, tensor, offset, n, z.data());
  return z.host();
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = difference;  // takes NaN too
  }
  return largest;
}

std::uint16_t bits_of(bf16 x) { return __bfloat16_as_ushort(x); }
std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }
bf16 bf16_of(std::uint16_t bits) { return __ushort_as_bfloat16(bits); }
float widened(float x) { return x; }
float widened(bf16 x) { return __bfloat162float(x); }

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
Segments awkward_segments() {
  Segments s;
  const auto add = [&s](std::uint32_t tensor, std::uint64_t offset, std::uint64_t size, std::uint64_t from,
                        std::uint64_t to) {
    s.segment[s.count++] = {tensor, offset, size, from, to};
  };
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

// What write_probes should write for one probe; entries of no segment are NaN as in a fresh array.
template <class T>
std::vector<T> probed(const Segments& segments, Law law, const ProbeArgument& probe, Direction direction,
                      const std::vector<T>& x, std::size_t size) {
  std::vector<T> out(size);
  std::vector<bool> written(size, false);
  for (std::uint32_t k = 0; k < segments.count; ++k) {
    const Segment& s = segments.segment[k];
    const auto z = entries(law, direction, s.tensor, s.offset, s.size);
    for (std::size_t i = 0; i < s.size; ++i) {
      const float theta = widened(x[s.from + i]);
      out[s.to + i] = rounded<T>(law == Law::none ? theta : std::fma(probe.scale, z[i], theta));
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
void check_probes(Law law, std::uint32_t count, bool own, std::size_t stride) {
  const Segments segments = awkward_segments();
  const auto x = weights<T>(kFrom);
  std::vector<ProbeArgument> probes;
  for (std::uint32_t j = 0; j < count; ++j)
    probes.push_back(probe_of(j, (j % 2 == 0 ? 1.0F : -1.0F) * 0.03F / static_cast<float>(1 + j / 2)));
  const DeviceArray<T> theta(x);
  const DeviceArray<ProbeArgument> arguments(probes);
  DeviceArray<T> out(count * stride);
  (own ? write_own_probes<T> : write_probes<T>)(nullptr, law, arguments.data(), count, segments, theta.data(),
                                                out.data(), stride);
  std::vector<T> expected;
  for (std::uint32_t j = 0; j < count; ++j) {
    const auto one = probed(segments, law, probes[j], direction_of(own ? probes[j] : probes[0]), x, stride);
    expected.insert(expected.end(), one.begin(), one.end());
  }
  // Where a normal is not core's to the bit, one of some 10^4 sums may round the other way.
  INFO("law " << static_cast<int>(law) << ", " << count << " probes, own " << own << ", " << sizeof(T)
              << " bytes");
  CHECK(different_bits(out.host(), expected) <= (law == Law::gaussian ? 2U : 0U));
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

// The words that round coordinates 8·group … 8·group + 7 of `tensor`, as the header describes them.
std::array<std::uint32_t, 4> rounding_words(Direction direction, std::uint32_t tensor, std::uint32_t group,
                                            bool one_gaussian) {
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

bf16 rounded_stochastically(float sum, Direction direction, std::uint32_t tensor, std::uint64_t i,
                            bool one_gaussian = false) {
  const std::uint32_t word =
      rounding_words(direction, tensor, static_cast<std::uint32_t>(i / 8), one_gaussian)[i / 2 % 4];
  const std::uint32_t random = i % 2 == 0 ? word & 0xFFFFU : word >> 16U;
  return bf16_of(static_cast<std::uint16_t>((bits_of(sum) + random) >> 16U));
}

Segments one_segment(std::uint32_t tensor, std::uint64_t size, std::uint64_t offset = 0,
                     std::uint64_t from = 0) {
  Segments s;
  s.segment[0] = {tensor, offset, size, from, 0};
  s.count = 1;
  return s;
}

template <class T>
std::vector<T> updated(Law law, const std::vector<UpdateTerm>& terms, const Segments& segments,
                       const std::vector<T>& x) {
  DeviceArray<T> theta(x);
  const DeviceArray<UpdateTerm> on_card(terms);
  update(nullptr, law, on_card.data(), static_cast<std::uint32_t>(terms.size()), segments, theta.data());
  return theta.host();
}

// Σ (x' − sum) over entries, in standard errors of an unbiased rounding of the sums to bf16.
double rounding_deviation(const std::vector<bf16>& got, const std::vector<double>& sums) {
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

struct Factors {
  std::vector<FactorPiece> pieces;
  std::size_t stride = 0;
  DeviceArray<float> values{std::size_t{0}};
};

// Factors of one piece for each probe, `gap` floats after the base.
Factors factors_of(const std::vector<ProbeArgument>& probes, std::uint32_t rank, std::uint32_t hold,
                   std::uint32_t tensor, std::uint32_t rows, std::uint32_t cols, std::uint64_t gap = 0) {
  Factors f;
  const std::uint64_t u_size = std::uint64_t{rank} * rows, v_size = std::uint64_t{rank} * cols;
  const auto whole = [](std::uint64_t n) { return (n + 3) / 4 * 4; };
  f.pieces = {{tensor, rows, cols, gap, gap + whole(u_size)}};
  f.stride = gap + whole(u_size) + whole(v_size) + 8;
  f.values = DeviceArray<float>(f.stride * probes.size());
  const DeviceArray<ProbeArgument> arguments(probes);
  const DeviceArray<FactorPiece> pieces(f.pieces);
  write_factors(
      nullptr, arguments.data(), static_cast<std::uint32_t>(probes.size()),
      {.pieces = pieces.data(), .count = 1, .rank = rank, .hold = hold, .largest = std::max(u_size, v_size)},
      f.values.data(), f.stride);
  must(cudaDeviceSynchronize());
  return f;
}

struct RowRange {
  std::uint32_t first, count;
};

// One segment, between two that are empty.
LowRankSegments segments_of(const FactorPiece& piece, RowRange rows, std::uint64_t from, std::uint64_t to) {
  LowRankSegments segments;
  segments.count = 3;
  for (LowRankSegment& s : segments.segment) s = {piece, 0, 0, 0, 0};
  segments.segment[1] = {piece, rows.first, rows.count, from, to};
  return segments;
}

template <class T>
std::vector<T> updated_low_rank(const std::vector<UpdateTerm>& terms, std::uint32_t rank, const Factors& f,
                                std::uint64_t from, const std::vector<T>& x) {
  DeviceArray<T> theta(x);
  const DeviceArray<UpdateTerm> on_card(terms);
  update_low_rank(nullptr, on_card.data(), static_cast<std::uint32_t>(terms.size()),
                  segments_of(f.pieces[0], {0, f.pieces[0].rows}, from, 0), {f.values.data(), f.stride, rank},
                  theta.data());
  return theta.host();
}

std::vector<UpdateTerm> some_terms(std::uint32_t count, float scale) {
  std::vector<UpdateTerm> terms;
  for (std::uint32_t k = 0; k < count; ++k)
    terms.push_back(probe_of(k, (k % 2 == 0 ? scale : -0.6F * scale) / static_cast<float>(k + 1)));
  return terms;
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
    const auto z = filled(Law::gaussian, probe, 11, offset, n);
    const auto expected = entries(Law::gaussian, direction_of(probe), 11, offset, n);
    const double largest = largest_difference(z, expected);
    INFO("offset " << offset << ": largest difference of a normal " << largest << ", "
                   << different_bits(z, expected) << " of " << n << " differ");
    CHECK(largest <= 1e-6);
    CHECK(different_bits(z, expected) <= n / 10000);
    CHECK(filled(Law::rademacher, probe, 11, offset, n) ==
          entries(Law::rademacher, direction_of(probe), 11, offset, n));
  };
  check(0, std::size_t{1} << 22U);
  check(0, 1);
  check(5, 2);
  check(kEnd - 3001, 3001);
  for (std::uint64_t offset = 1; offset < 300; offset += 37) check(offset, 1000 + offset);
  CHECK(filled(Law::none, probe, 11, 3, 20) == std::vector<float>(20, 0.0F));
}

TEST_CASE("write_probes writes what perturbing on the CPU writes, and nothing else", "[cuda]") {
  for (const Law law : {Law::none, Law::gaussian, Law::rademacher})
    for (const std::uint32_t count : {1U, 2U, 3U, 5U})
      for (const bool own : {false, true})
        for (const std::size_t stride : {kTo, kTo - 1}) {
          check_probes<float>(law, count, own, stride);
          check_probes<bf16>(law, count, own, stride);
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
  write_probes(nullptr, Law::gaussian, arguments.data(), 2, one_segment(4, n, offset), theta.data(),
               out.data(), n);
  CHECK(largest_difference(out.host(), expected) <= 1e-6);
}

TEST_CASE("write_probes of no probe or no entry does nothing", "[cuda]") {
  const DeviceArray<ProbeArgument> arguments(std::vector<ProbeArgument>{probe_of(0, 1.0F)});
  DeviceArray<float> out(8);
  write_probes<float>(nullptr, Law::gaussian, arguments.data(), 1, Segments{}, out.data(), out.data(), 8);
  write_probes<float>(nullptr, Law::gaussian, arguments.data(), 0, one_segment(1, 8), out.data(), out.data(),
                      8);
  for (const float x : out.host()) CHECK(std::isnan(x));
}

TEST_CASE("many groups a thread give the entries of one", "[cuda]") {
  // Enough groups that threads take two and four of them.
  for (const std::size_t n : {(std::size_t{1} << 22U) * 3 / 2 + 5, (std::size_t{1} << 24U) * 3 / 2 + 5}) {
    const auto z = filled(Law::gaussian, probe_of(1, 0.0F), 2, 3, n);
    const auto expected = entries(Law::gaussian, direction_of(probe_of(1, 0.0F)), 2, 3, n);
    CHECK(largest_difference(z, expected) <= 1e-6);
  }
}

TEST_CASE("the fp32 update adds term after term as the CPU does", "[cuda]") {
  const auto x = weights<float>(kFrom);
  const Segments segments = awkward_segments();
  for (const std::uint32_t count : {1U, 2U, 7U}) {
    const auto terms = some_terms(count, 0.05F);
    for (const Law law : {Law::gaussian, Law::rademacher}) {
      auto expected = x;
      for (std::uint32_t k = 0; k < segments.count; ++k) {
        const Segment& s = segments.segment[k];
        for (const UpdateTerm& term : terms) {
          if (law == Law::gaussian)
            zofo::Gaussian{}.add_range(direction_of(term), s.tensor, s.offset, term.scale,
                                       expected.data() + s.from, s.size);
          else
            zofo::Rademacher{}.add_range(direction_of(term), s.tensor, s.offset, term.scale,
                                         expected.data() + s.from, s.size);
        }
      }
      const auto got = updated(law, terms, segments, x);
      INFO(count << " terms, law " << static_cast<int>(law) << ": " << different_bits(got, expected)
                 << " entries differ");
      CHECK(largest_difference(got, expected) <= 1e-6);
      if (law == Law::rademacher) CHECK(different_bits(got, expected) == 0);
    }
  }
}

TEST_CASE("a zero update changes no bit", "[cuda]") {
  std::vector<bf16> x;
  for (std::uint32_t bits = 0; bits <= 0xFFFFU; ++bits)
    x.push_back(bf16_of(static_cast<std::uint16_t>(bits)));
  for (const std::uint32_t count : {1U, 3U}) {
    const std::vector<UpdateTerm> terms(count, probe_of(0, 0.0F));
    for (const Law law : {Law::none, Law::gaussian, Law::rademacher})
      for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{3}})
        CHECK(different_bits(updated(law, terms, one_segment(1, x.size(), offset), x), x) == 0);
  }
}

TEST_CASE("sums that are bf16 stay; infinities and NaN do", "[cuda]") {
  const std::vector<UpdateTerm> halves{probe_of(0, 0.5F)};
  const auto z = entries(Law::rademacher, direction_of(halves[0]), 1, 0, 1000);
  const auto got = to_float(updated(Law::rademacher, halves, one_segment(1, 1000),
                                    std::vector<bf16>(1000, __float2bfloat16(-3.0F))));
  for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == -3.0F + 0.5F * z[i]);

  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> special;
  for (std::size_t i = 0; i < 300; ++i)
    special.push_back(i % 3 == 0 ? infinity : i % 3 == 1 ? -infinity : std::nanf(""));
  const auto kept = to_float(updated(Law::gaussian, halves, one_segment(1, 300), to_bf16(special)));
  for (std::size_t i = 0; i < kept.size(); ++i)
    REQUIRE((std::isnan(special[i]) ? std::isnan(kept[i]) : kept[i] == special[i]));
}

TEST_CASE("bf16 updates round by the bits that the header names", "[cuda]") {
  const auto x = weights<bf16>(kFrom);
  const Segments segments = awkward_segments();
  for (const std::uint32_t count : {1U, 4U})
    for (const Law law : {Law::gaussian, Law::rademacher}) {
      const auto terms = some_terms(count, 0.01F);
      auto expected = x;
      for (std::uint32_t k = 0; k < segments.count; ++k) {
        const Segment& s = segments.segment[k];
        std::vector<float> sum(s.size, -0.0F);
        for (const UpdateTerm& term : terms) {
          const auto z = entries(law, direction_of(term), s.tensor, s.offset, s.size);
          for (std::size_t i = 0; i < s.size; ++i) sum[i] = std::fma(term.scale, z[i], sum[i]);
        }
        for (std::size_t i = 0; i < s.size; ++i)
          expected[s.from + i] =
              rounded_stochastically(widened(x[s.from + i]) + sum[i], direction_of(terms[0]), s.tensor,
                                     s.offset + i, count == 1 && law == Law::gaussian);
      }
      const auto got = updated(law, terms, segments, x);
      CHECK(different_bits(got, x) > 3000);
      // A normal that is not core's to the bit may turn a rounding.
      CHECK(different_bits(got, expected) <= (law == Law::gaussian ? 2U : 0U));
    }
}

TEST_CASE("stochastic rounding is unbiased", "[cuda]") {
  constexpr std::size_t n = std::size_t{1} << 20U;
  const auto x = weights<bf16>(n);
  for (const std::uint32_t count : {1U, 2U}) {
    const std::vector<UpdateTerm> terms = some_terms(count, 3e-3F);
    std::vector<double> sums;
    for (const bf16 value : x) sums.push_back(static_cast<double>(widened(value)));
    for (const UpdateTerm& term : terms) {
      const auto z = entries(Law::gaussian, direction_of(term), 6, 0, n);
      for (std::size_t i = 0; i < n; ++i)
        sums[i] += static_cast<double>(term.scale) * static_cast<double>(z[i]);
    }
    CHECK(rounding_deviation(updated(Law::gaussian, terms, one_segment(6, n), x), sums) < 5.0);
  }
}

// A rounding that knew of z would move θ along z, or along a function of it, by more than was asked for.
TEST_CASE("the errors of rounding along one Gaussian direction are not correlated with it", "[cuda]") {
  constexpr std::size_t n = std::size_t{1} << 22U;
  constexpr float step = 0x1p-17F;  // far below half a step of bf16 at 1
  const std::vector<UpdateTerm> terms{probe_of(0, step)};
  const auto got = to_float(
      updated(Law::gaussian, terms, one_segment(6, n), std::vector<bf16>(n, __float2bfloat16(1.0F))));
  const auto z = entries(Law::gaussian, direction_of(terms[0]), 6, 0, n);
  // Sums over entries of error·f(z) for f = 1, z, |z|, z², z of the neighbour, of the other block; each with
  // the variance that independent roundings give.
  const auto check = [&](auto&& f) {
    double total = 0.0, variance = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double sum = static_cast<double>(1.0F + step * z[i]);
      const double unit = sum >= 1.0 ? 0x1p-7 : 0x1p-8;
      const double fraction = std::abs(sum - 1.0) / unit;
      total += (static_cast<double>(got[i]) - sum) * f(i);
      variance += fraction * (1.0 - fraction) * unit * unit * f(i) * f(i);
    }
    CHECK(std::abs(total) < 5.0 * std::sqrt(variance));  // false alarms: 6e-7 each
  };
  const auto at = [&](std::size_t i) { return static_cast<double>(z[i]); };
  check([](std::size_t) { return 1.0; });
  check([&](std::size_t i) { return at(i); });
  check([&](std::size_t i) { return std::abs(at(i)); });
  check([&](std::size_t i) { return at(i) * at(i); });
  check([&](std::size_t i) { return at(i ^ 1U); });
  check([&](std::size_t i) { return at(i ^ 4U); });
  check([&](std::size_t i) { return at(i) * at(i ^ 4U); });
}

TEST_CASE("an update far below half a bf16 step moves the mean by the right amount", "[cuda]") {
  // x = 1 and steps ±2^-17: a fraction 2^-10 of the step above 1, 2^-9 of the step below.
  constexpr std::size_t n = std::size_t{1} << 22U;
  constexpr double step = 0x1p-17;
  const std::vector<UpdateTerm> terms{probe_of(0, static_cast<float>(step))};
  const auto got = to_float(
      updated(Law::rademacher, terms, one_segment(6, n), std::vector<bf16>(n, __float2bfloat16(1.0F))));
  const auto z = entries(Law::rademacher, direction_of(terms[0]), 6, 0, n);
  double along = 0.0;
  std::size_t strange = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (got[i] != 1.0F && got[i] != (z[i] > 0 ? 1.0F + 0x1p-7F : 1.0F - 0x1p-8F)) ++strange;
    along += static_cast<double>(z[i]) * (static_cast<double>(got[i]) - 1.0);
  }
  CHECK(strange == 0);
  const double variance = 0.5 * (0x1p-10 * (1.0 - 0x1p-10) * 0x1p-14 + 0x1p-9 * (1.0 - 0x1p-9) * 0x1p-16);
  const double error = std::sqrt(variance / static_cast<double>(n));
  INFO("mean " << along / static_cast<double>(n) << ", expected " << step << " ± " << error);
  CHECK(std::abs(along / static_cast<double>(n) - step) < 5.0 * error);
}

TEST_CASE("factors are LowRank's", "[cuda]") {
  for (const std::uint32_t hold : {0U, 1U, 3U})
    for (const std::uint32_t rank : {1U, 3U, 8U}) {
      constexpr std::uint32_t rows = 37, cols = 21;
      const std::vector<ProbeArgument> probes{probe_of(0, 1.0F), probe_of(4, 1.0F, 11)};
      for (const std::uint64_t gap : {std::uint64_t{0}, std::uint64_t{3}}) {
        const Factors f = factors_of(probes, rank, hold, 5, rows, cols, gap);
        const auto values = f.values.host();
        for (std::size_t j = 0; j < probes.size(); ++j) {
          const Direction direction = direction_of(probes[j]);
          const shapes::Layer<float> layer(rows, cols);
          const auto bound = zofo::LowRank{rank, hold}.bind(layer, direction);
          std::vector<float> z(std::size_t{rows} * cols), product;
          bound.fill(direction, 5, 0, z.data(), z.size());
          const float* const u = values.data() + j * f.stride + f.pieces[0].u_at;
          const float* const v = values.data() + j * f.stride + f.pieces[0].v_at;
          for (std::size_t i = 0; i < z.size(); ++i) {
            double sum = 0.0;
            for (std::uint32_t l = 0; l < rank; ++l)
              sum +=
                  static_cast<double>(u[l * rows + i / cols]) * static_cast<double>(v[l * cols + i % cols]);
            product.push_back(static_cast<float>(sum / std::sqrt(static_cast<double>(rank))));
          }
          INFO("rank " << rank << ", hold " << hold << ", gap " << gap << ", probe " << j);
          CHECK(relative_error(product, z) <= 1e-6);
          for (std::size_t i = 0; i < gap; ++i) CHECK(std::isnan(values[j * f.stride + i]));
          for (std::size_t i = 0; i < 8; ++i) CHECK(std::isnan(values[(j + 1) * f.stride - 8 + i]));
        }
      }
    }
}

TEST_CASE("write_factors fills several pieces, also with too small a grid", "[cuda]") {
  const std::vector<ProbeArgument> probes{probe_of(0, 1.0F), probe_of(1, 1.0F)};
  const std::vector<FactorPiece> pieces{{1, 3000, 5, 0, 6000}, {2, 4, 700, 6010, 6018}};
  constexpr std::size_t stride = 7420;
  const DeviceArray<ProbeArgument> arguments(probes);
  const DeviceArray<FactorPiece> on_card(pieces);
  DeviceArray<float> out(stride * probes.size());
  write_factors(nullptr, arguments.data(), 2,
                {.pieces = on_card.data(), .count = 2, .rank = 2, .hold = 1, .largest = 1}, out.data(),
                stride);
  const auto values = out.host();
  for (std::size_t j = 0; j < 2; ++j)
    for (const FactorPiece& p : pieces) {
      const auto check = [&](ExtraStream use, std::uint64_t at, std::size_t n) {
        const auto first = values.begin() + static_cast<std::ptrdiff_t>(j * stride + at);
        CHECK(largest_difference({first, first + static_cast<std::ptrdiff_t>(n)},
                                 entries(Law::gaussian, direction_of(probes[j]),
                                         zofo::extra_stream(use, p.tensor), 0, n)) <= 1e-6);
      };
      check(ExtraStream::left, p.u_at, 2 * std::size_t{p.rows});
      check(ExtraStream::right, p.v_at, 2 * std::size_t{p.cols});
    }
}

TEST_CASE("the fp32 low-rank update is LowRank's add", "[cuda]") {
  struct Shape {
    std::uint32_t rows, cols;
  };
  for (const Shape shape : {Shape{64, 256}, Shape{72, 520}, Shape{8, 8}, Shape{13, 7}, Shape{16, 260}})
    for (const std::uint32_t rank : {1U, 4U, 16U})
      for (const std::uint32_t count : {1U, 3U}) {
        const auto terms = some_terms(count, 0.3F);
        const Factors f = factors_of(terms, rank, 2, 5, shape.rows, shape.cols);
        shapes::Layer<float> layer(shape.rows, shape.cols);
        const auto x = weights<float>(std::size_t{shape.rows} * shape.cols);
        std::copy(x.begin(), x.end(), layer.weight.data());
        for (const UpdateTerm& term : terms)
          zofo::LowRank{rank, 2}.add(layer, direction_of(term), static_cast<double>(term.scale));
        const std::vector<float> expected(layer.weight.data(), layer.weight.data() + layer.weight.size());
        INFO(shape.rows << " x " << shape.cols << ", rank " << rank << ", " << count << " terms");
        CHECK(relative_error(updated_low_rank(terms, rank, f, 0, x), expected) <= 1e-6);
      }
}

TEMPLATE_TEST_CASE("low-rank probes written out are x + scale z, rows of a matrix among others", "[cuda]",
                   float, bf16) {
  struct Shape {
    std::uint32_t rows, cols;
    RowRange part;
    std::uint64_t from, to;
  };
  constexpr std::size_t margin = 24;
  for (const Shape s : {Shape{64, 256, {0, 64}, 0, 0}, Shape{72, 520, {16, 40}, 8, 16},
                        Shape{8, 8, {4, 4}, 0, 8}, Shape{13, 7, {2, 9}, 3, 5}, Shape{16, 260, {1, 15}, 0, 0}})
    for (const std::uint32_t rank : {1U, 4U}) {
      const std::vector<ProbeArgument> probes{probe_of(3, 0.25F), probe_of(3, -0.5F), probe_of(3, 0.0F)};
      const Factors f = factors_of(probes, rank, 2, 5, s.rows, s.cols);
      const std::size_t size = std::size_t{s.part.count} * s.cols,
                        stride = (s.to + size + margin + 7) / 8 * 8;
      const auto x = weights<TestType>(s.from + size);
      const DeviceArray<TestType> theta(x);
      const std::vector<TestType> nine(stride * probes.size(), TestType(9.0F));
      DeviceArray<TestType> out(nine);
      const DeviceArray<ProbeArgument> arguments(probes);
      write_low_rank_probes(nullptr, arguments.data(), 3, segments_of(f.pieces[0], s.part, s.from, s.to),
                            {f.values.data(), 0, rank}, theta.data(), out.data(), stride);
      const auto got = out.host();
      const shapes::Layer<float> layer(s.rows, s.cols);
      const auto bound = zofo::LowRank{rank, 2}.bind(layer, direction_of(probes[0]));
      std::vector<float> z(size);
      bound.fill(direction_of(probes[0]), 5, std::uint64_t{s.part.first} * s.cols, z.data(), size);
      INFO(s.rows << " x " << s.cols << ", rank " << rank);
      for (std::size_t j = 0; j < probes.size(); ++j) {
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < size; ++i) {
          const double sum = static_cast<double>(widened(x[s.from + i])) +
                             static_cast<double>(probes[j].scale) * static_cast<double>(z[i]);
          // A rounding of the sum, and normals that differ by 1e-6, times one of at most 5, in both factors.
          const double rounding = std::is_same_v<TestType, float> ? 0x1p-24 : 0x1p-8;
          const double bound_of_error = std::abs(sum) * rounding + 1e-5;
          const auto here = static_cast<double>(widened(got[j * stride + s.to + i]));
          wrong += std::abs(here - sum) <= bound_of_error ? 0U : 1U;
        }
        CHECK(wrong == 0);
        for (std::size_t i = 0; i < s.to; ++i) CHECK(widened(got[j * stride + i]) == 9.0F);
        for (std::size_t i = s.to + size; i < stride; ++i) CHECK(widened(got[j * stride + i]) == 9.0F);
      }
      // A probe of scale 0 is x to the bit.
      for (std::size_t i = 0; i < size; ++i)
        CHECK(widened(got[2 * stride + s.to + i]) == widened(x[s.from + i]));
    }
}

TEST_CASE("the bf16 low-rank update rounds as the update does, wherever the matrix lies", "[cuda]") {
  constexpr std::uint32_t rows = 200, cols = 264, rank = 4;
  const auto terms = some_terms(3, 2e-3F);
  const Factors f = factors_of(terms, rank, 1, 5, rows, cols);
  const auto x = weights<bf16>(std::size_t{rows} * cols);
  const auto got = updated_low_rank(terms, rank, f, 0, x);

  std::vector<double> sums;
  shapes::Layer<double> layer(rows, cols);
  for (const UpdateTerm& term : terms)
    zofo::LowRank{rank, 1}.add(layer, direction_of(term), static_cast<double>(term.scale));
  for (std::size_t i = 0; i < x.size(); ++i)
    sums.push_back(static_cast<double>(widened(x[i])) + layer.weight.data()[i]);
  CHECK(rounding_deviation(got, sums) < 5.0);
  std::size_t others = 0;  // sums a little off may turn some roundings
  for (std::size_t i = 0; i < x.size(); ++i)
    others += bits_of(got[i]) != bits_of(rounded_stochastically(static_cast<float>(sums[i]),
                                                                direction_of(terms[0]), 5, i))
                  ? 1U
                  : 0U;
  CHECK(others < x.size() / 1000);

  // An element further on, out of reach of 16-byte accesses, another kernel does it: the same bits.
  std::vector<bf16> shifted(1, __float2bfloat16(9.0F));
  shifted.insert(shifted.end(), x.begin(), x.end());
  shifted.push_back(__float2bfloat16(9.0F));
  auto moved = updated_low_rank(terms, rank, f, 1, shifted);
  CHECK(widened(moved.front()) == 9.0F);
  CHECK(widened(moved.back()) == 9.0F);
  CHECK(different_bits({moved.begin() + 1, moved.end() - 1}, got) == 0);

  const std::vector<UpdateTerm> nothing(2, probe_of(0, 0.0F));
  CHECK(different_bits(updated_low_rank(nothing, rank, f, 0, x), x) == 0);
  CHECK(different_bits(updated_low_rank(nothing, rank, f, 1, shifted), shifted) == 0);
}
