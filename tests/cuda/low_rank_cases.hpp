/// @file Low-rank products and gradients by their definitions in double, and problems for their tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "device.hpp"
#include "zofo/tensor/cuda/kernels/low_rank.hpp"

namespace zofo::tensor::cuda::low_rank_cases {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// fp32 results. With bf16 x the factors count to 2⁻¹⁸ = 3.8e-6 of themselves.
constexpr double fp32_error = 1e-5;

template <class T>
std::vector<T> as(const std::vector<float>& values) {
  if constexpr (std::is_same_v<T, bf16>)
    return to_bf16(values);
  else
    return values;
}
template <class T>
std::vector<double> exact(const std::vector<T>& values) {
  std::vector<double> out;
  for (const T v : values) out.push_back(static_cast<double>(static_cast<float>(v)));
  return out;
}
// One rounding of y to bf16 is at most 2⁻⁹ of it.
template <class T>
constexpr double rounding = std::is_same_v<T, bf16> ? 4e-3 : fp32_error;

struct ProjectionSpec {
  std::uint32_t rank, out, y_at;
  bool by_probe;
  bool rank_first = false;  // B stored as [rank, out]
};

// Everything that a call is given, and the definitions in double.
struct Problem {
  Rows rows;
  std::uint32_t in = 0, y_stride = 0;
  std::vector<std::int32_t> adapter;  // of each token
  std::vector<ProjectionSpec> specs;
  std::uint32_t adapters = 0;
  std::size_t shift = 0;  // floats by which factors miss their alignment

  std::vector<float> factors, scales;
  std::size_t stride = 0;
  LowRankProjections projections;  // pointers count from null: they are offsets in floats

  void build(std::uint64_t seed) {
    projections = {};
    std::size_t at = shift;
    for (const ProjectionSpec& spec : specs) {
      LowRankProjection& projection = projections.projection[projections.count++];
      projection.rank = spec.rank;
      projection.in = in;
      projection.out = spec.out;
      projection.y_at = spec.y_at;
      projection.t_at = projections.t_width;
      projections.t_width += spec.rank;
      projection.b_row = spec.rank_first ? 1 : spec.rank;
      projection.b_col = spec.rank_first ? spec.out : 1;
      projection.by_probe = spec.by_probe;
      projection.scale = 0.5F + 0.25F * static_cast<float>(projections.count);
      a_at.push_back(at);
      at += std::size_t{in} * spec.rank;
      b_at.push_back(at);
      at += std::size_t{spec.out} * spec.rank;
    }
    stride = at;
    factors = random_values(seed, stride * std::max(adapters, rows.probes), 0.5F);
    scales = random_values(seed + 1, rows.probes, 1.0F);
  }
  std::vector<std::size_t> a_at, b_at;

  [[nodiscard]] LowRankProjections on_gpu(const float* memory, const float* scales_memory) const {
    LowRankProjections list = projections;
    for (std::uint32_t s = 0; s < list.count; ++s) {
      list.projection[s].a = memory + a_at[s];
      list.projection[s].b = memory + b_at[s];
      list.projection[s].stride = stride;
      if (list.projection[s].by_probe) list.projection[s].scales = scales_memory;
    }
    return list;
  }

  [[nodiscard]] std::int32_t index(std::uint32_t s, std::size_t row) const {
    return specs[s].by_probe ? static_cast<std::int32_t>(row / rows.tokens) : adapter[row % rows.tokens];
  }
  [[nodiscard]] double a(std::uint32_t s, std::int32_t i, std::size_t l, std::size_t k) const {
    return static_cast<double>(factors[static_cast<std::size_t>(i) * stride + a_at[s] + l * in + k]);
  }
  [[nodiscard]] double b(std::uint32_t s, std::int32_t i, std::size_t o, std::size_t l) const {
    return static_cast<double>(
        factors[static_cast<std::size_t>(i) * stride + b_at[s] + o * projections.projection[s].b_row +
                l * projections.projection[s].b_col]);
  }
  [[nodiscard]] double scale(std::uint32_t s, std::int32_t i) const {
    return static_cast<double>(projections.projection[s].scale) *
           (specs[s].by_probe ? static_cast<double>(scales[static_cast<std::size_t>(i)]) : 1.0);
  }

  // f(projection, index, row, l, place of the entry in t)
  template <class F>
  void each(F&& f) const {
    for (std::size_t row = 0; row < rows.count(); ++row)
      for (std::uint32_t s = 0; s < projections.count; ++s)
        for (std::size_t l = 0; l < specs[s].rank; ++l)
          if (index(s, row) >= 0)
            f(s, index(s, row), row, l, row * projections.t_width + projections.projection[s].t_at + l);
  }
  [[nodiscard]] std::vector<double> t(const std::vector<double>& x) const {
    std::vector<double> out(rows.count() * projections.t_width, 0.0);
    each([&](auto s, auto i, auto row, auto l, auto at) {
      for (std::size_t k = 0; k < in; ++k) out[at] += x[row * in + k] * a(s, i, l, k);
    });
    return out;
  }
  [[nodiscard]] std::vector<double> y(const std::vector<double>& given, std::vector<double> y) const {
    each([&](auto s, auto i, auto row, auto l, auto at) {
      for (std::size_t o = 0; o < specs[s].out; ++o)
        y[row * y_stride + specs[s].y_at + o] += scale(s, i) * given[at] * b(s, i, o, l);
    });
    return y;
  }
  [[nodiscard]] std::vector<double> dt(const std::vector<double>& dy) const {
    std::vector<double> out(rows.count() * projections.t_width, 0.0);
    each([&](auto s, auto i, auto row, auto l, auto at) {
      for (std::size_t o = 0; o < specs[s].out; ++o)
        out[at] += scale(s, i) * dy[row * y_stride + specs[s].y_at + o] * b(s, i, o, l);
    });
    return out;
  }
  [[nodiscard]] std::vector<double> dx(const std::vector<double>& given, std::vector<double> dx) const {
    each([&](auto s, auto i, auto row, auto l, auto at) {
      for (std::size_t k = 0; k < in; ++k) dx[row * in + k] += given[at] * a(s, i, l, k);
    });
    return dx;
  }
  // Laid out as the factors are, adapter after adapter; projections by probe have none.
  [[nodiscard]] std::vector<double> gradients(const std::vector<double>& x, const std::vector<double>& t,
                                              const std::vector<double>& dy,
                                              const std::vector<double>& dt) const {
    std::vector<double> out(adapters * stride, 0.0);
    each([&](auto s, auto i, auto row, auto l, auto at) {
      if (specs[s].by_probe) return;
      const std::size_t base = static_cast<std::size_t>(i) * stride;
      for (std::size_t k = 0; k < in; ++k) out[base + a_at[s] + l * in + k] += dt[at] * x[row * in + k];
      for (std::size_t o = 0; o < specs[s].out; ++o)
        out[base + b_at[s] + o * specs[s].rank + l] +=
            scale(s, i) * t[at] * dy[row * y_stride + specs[s].y_at + o];
    });
    return out;
  }
};

// The first share of the tokens adapter 0's, the next adapter 1's and so on, the rest no adapter's.
inline std::vector<std::int32_t> runs(std::uint32_t tokens, const std::vector<std::uint32_t>& lengths) {
  std::vector<std::int32_t> adapter(tokens, -1);
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i)
    for (std::uint32_t n = 0; n < lengths[i] && at < tokens; ++n)
      adapter[at++] = static_cast<std::int32_t>(i);
  return adapter;
}

inline Problem lora(std::uint32_t tokens, std::uint32_t probes, std::uint32_t in,
                    std::vector<std::int32_t> adapter) {
  Problem p;
  p.rows = {tokens, probes};
  p.in = in;
  p.y_stride = in + 48;
  p.adapter = std::move(adapter);
  p.adapters = 3;
  p.specs = {{8, in, 0, false}, {8, 24, in + 24, false}};
  p.build(tokens + in);
  return p;
}

inline Problem adapters_and_probes(std::uint32_t tokens, std::uint32_t probes, std::uint32_t rank) {
  Problem p;
  p.rows = {tokens, probes};
  p.in = 40;
  p.y_stride = 104;
  p.adapter = runs(tokens, {tokens / 2, tokens / 3});
  p.adapters = 2;
  p.specs = {{8, 56, 0, false},         {8, 24, 56, false},         {8, 24, 80, false},
             {rank, 56, 0, true, true}, {rank, 24, 56, true, true}, {rank, 24, 80, true, true}};
  p.build(tokens);
  return p;
}

}  // namespace zofo::tensor::cuda::low_rank_cases
