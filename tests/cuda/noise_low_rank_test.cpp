/// @file Low-rank directions on the GPU against perturb's: factors, updates and probes. Statistical checks
/// are at five standard errors with fixed seeds: a false alarm in 6e-7 each.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "../catch.hpp"
#include "../perturb/shapes.hpp"
#include "device.hpp"
#include "noise_cases.hpp"
#include "noise_rounding.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/perturb/low_rank.hpp"

using namespace zofo::tensor::cuda;
using namespace zofo::tensor::cuda::noise_cases;
using zofo::Direction;
using zofo::ExtraStream;

namespace {

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
  const DeviceArray<UpdateTerm> on_gpu(terms);
  update_low_rank(nullptr, on_gpu.data(), static_cast<std::uint32_t>(terms.size()),
                  segments_of(f.pieces[0], {0, f.pieces[0].rows}, from, 0), {f.values.data(), f.stride, rank},
                  theta.data());
  return theta.host();
}

}  // namespace

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
  const DeviceArray<FactorPiece> on_gpu(pieces);
  DeviceArray<float> out(stride * probes.size());
  write_factors(nullptr, arguments.data(), 2,
                {.pieces = on_gpu.data(), .count = 2, .rank = 2, .hold = 1, .largest = 1}, out.data(),
                stride);
  const auto values = out.host();
  for (std::size_t j = 0; j < 2; ++j)
    for (const FactorPiece& p : pieces) {
      const auto check = [&](ExtraStream use, std::uint64_t at, std::size_t n) {
        const auto first = values.begin() + static_cast<std::ptrdiff_t>(j * stride + at);
        CHECK(largest_difference({first, first + static_cast<std::ptrdiff_t>(n)},
                                 entries(Distribution::gaussian, direction_of(probes[j]),
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
