/// @file The update on the GPU against the CPU, and its stochastic rounding to bf16. Statistical checks are
/// at five standard errors with fixed seeds: a false alarm in 6e-7 each.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "../catch.hpp"
#include "device.hpp"
#include "noise_cases.hpp"
#include "noise_rounding.hpp"
#include "zofo/core/random.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/rademacher.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::noise_cases;

TEST_CASE("the fp32 update adds term after term as the CPU does", "[cuda]") {
  const auto x = weights<float>(kFrom);
  const Segments segments = awkward_segments();
  for (const std::uint32_t count : {1U, 2U, 7U}) {
    const auto terms = some_terms(count, 0.05F);
    for (const Distribution distribution : {Distribution::gaussian, Distribution::rademacher}) {
      auto expected = x;
      for (std::uint32_t k = 0; k < segments.count; ++k) {
        const Segment& s = segments.segment[k];
        for (const UpdateTerm& term : terms) {
          if (distribution == Distribution::gaussian)
            zofo::Gaussian{}.add_range(direction_of(term), s.tensor, s.offset, term.scale,
                                       expected.data() + s.from, s.size);
          else
            zofo::Rademacher{}.add_range(direction_of(term), s.tensor, s.offset, term.scale,
                                         expected.data() + s.from, s.size);
        }
      }
      const auto got = updated(distribution, terms, segments, x);
      INFO(count << " terms, law " << static_cast<int>(distribution) << ": " << different_bits(got, expected)
                 << " entries differ");
      CHECK(largest_difference(got, expected) <= 1e-6);
      if (distribution == Distribution::rademacher) CHECK(different_bits(got, expected) == 0);
    }
  }
}

TEST_CASE("a zero update changes no bit", "[cuda]") {
  std::vector<bf16> x;
  for (std::uint32_t bits = 0; bits <= 0xFFFFU; ++bits)
    x.push_back(bf16_of(static_cast<std::uint16_t>(bits)));
  for (const std::uint32_t count : {1U, 3U}) {
    const std::vector<UpdateTerm> terms(count, probe_of(0, 0.0F));
    for (const Distribution distribution :
         {Distribution::none, Distribution::gaussian, Distribution::rademacher})
      for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{3}})
        CHECK(different_bits(updated(distribution, terms, one_segment(1, x.size(), offset), x), x) == 0);
  }
}

TEST_CASE("sums that are bf16 stay; infinities and NaN do", "[cuda]") {
  const std::vector<UpdateTerm> halves{probe_of(0, 0.5F)};
  const auto z = entries(Distribution::rademacher, direction_of(halves[0]), 1, 0, 1000);
  const auto got = to_float(updated(Distribution::rademacher, halves, one_segment(1, 1000),
                                    std::vector<bf16>(1000, __float2bfloat16(-3.0F))));
  for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == -3.0F + 0.5F * z[i]);

  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> special;
  for (std::size_t i = 0; i < 300; ++i)
    special.push_back(i % 3 == 0 ? infinity : i % 3 == 1 ? -infinity : std::nanf(""));
  const auto kept = to_float(updated(Distribution::gaussian, halves, one_segment(1, 300), to_bf16(special)));
  for (std::size_t i = 0; i < kept.size(); ++i)
    REQUIRE((std::isnan(special[i]) ? std::isnan(kept[i]) : kept[i] == special[i]));
}

TEST_CASE("bf16 updates round by the bits that the header names", "[cuda]") {
  const auto x = weights<bf16>(kFrom);
  const Segments segments = awkward_segments();
  for (const std::uint32_t count : {1U, 4U})
    for (const Distribution distribution : {Distribution::gaussian, Distribution::rademacher}) {
      const auto terms = some_terms(count, 0.01F);
      auto expected = x;
      for (std::uint32_t k = 0; k < segments.count; ++k) {
        const Segment& s = segments.segment[k];
        std::vector<float> sum(s.size, -0.0F);
        for (const UpdateTerm& term : terms) {
          const auto z = entries(distribution, direction_of(term), s.tensor, s.offset, s.size);
          for (std::size_t i = 0; i < s.size; ++i) sum[i] = std::fma(term.scale, z[i], sum[i]);
        }
        for (std::size_t i = 0; i < s.size; ++i)
          expected[s.from + i] =
              rounded_stochastically(widened(x[s.from + i]) + sum[i], direction_of(terms[0]), s.tensor,
                                     s.offset + i, count == 1 && distribution == Distribution::gaussian);
      }
      const auto got = updated(distribution, terms, segments, x);
      CHECK(different_bits(got, x) > 3000);
      // A normal that is not core's to the bit may turn a rounding.
      CHECK(different_bits(got, expected) <= (distribution == Distribution::gaussian ? 2U : 0U));
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
      const auto z = entries(Distribution::gaussian, direction_of(term), 6, 0, n);
      for (std::size_t i = 0; i < n; ++i)
        sums[i] += static_cast<double>(term.scale) * static_cast<double>(z[i]);
    }
    CHECK(rounding_deviation(updated(Distribution::gaussian, terms, one_segment(6, n), x), sums) < 5.0);
  }
}

TEST_CASE("the errors of rounding along one Gaussian direction are not correlated with it", "[cuda]") {
  constexpr std::size_t n = std::size_t{1} << 22U;
  constexpr float step = 0x1p-17F;  // far below half a step of bf16 at 1
  const std::vector<UpdateTerm> terms{probe_of(0, step)};
  const auto got = to_float(updated(Distribution::gaussian, terms, one_segment(6, n),
                                    std::vector<bf16>(n, __float2bfloat16(1.0F))));
  const auto z = entries(Distribution::gaussian, direction_of(terms[0]), 6, 0, n);
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

TEST_CASE("an update far below half a bf16 step changes the mean by the right amount", "[cuda]") {
  // x = 1 and steps ±2^-17: a fraction 2^-10 of the step above 1, 2^-9 of the step below.
  constexpr std::size_t n = std::size_t{1} << 22U;
  constexpr double step = 0x1p-17;
  const std::vector<UpdateTerm> terms{probe_of(0, static_cast<float>(step))};
  const auto got = to_float(updated(Distribution::rademacher, terms, one_segment(6, n),
                                    std::vector<bf16>(n, __float2bfloat16(1.0F))));
  const auto z = entries(Distribution::rademacher, direction_of(terms[0]), 6, 0, n);
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
