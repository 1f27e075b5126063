/// @file The scale of a sub-block of a quantised type: weighted least squares over several roundings.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace zofo::checkpoint {

/// The nearest whole number, ties to even, of a number below 2^22 in magnitude. Unlike std::round it
/// vectorises on every processor.
inline float nearest(float x) {
  constexpr float shift = 0x1.8p23F;
  return (x + shift) - shift;
}

/// The steps of x in units of `step`, rounded and limited to [low, high]; 0 where the step is 0.
inline float steps_of(float x, float step, float low, float high) {
  return step == 0.0F ? 0.0F : nearest(std::clamp(x / step, low, high));
}

/// Below this magnitude numbers are stored as zeros: the inverses of their scales would be infinite.
inline constexpr float smallest_scaled = 1e-30F;

/// Σ over n numbers in 8 partial sums, which vectorise and do not depend on the processor.
template <std::size_t n, class Term>
double sum_of(Term term) {
  std::array<float, 8> partial{};
  for (std::size_t i = 0; i < n; i += partial.size())
    for (std::size_t lane = 0; lane < partial.size(); ++lane) partial[lane] += term(i + lane);
  double sum = 0.0;
  for (const float each : partial) sum += static_cast<double>(each);
  return sum;
}

/// The scale s that minimises Σ x²(x − s·q)² for whole numbers q in [−32, 31], of 16 numbers: for several
/// roundings q of x the best s, of these the best. The squares weight large numbers more, which cost more
/// when they are wrong (as in ggml-quants.c, make_qx_quants).
inline float fit_scale(const float* values) {
  constexpr std::size_t n = 16;
  float extreme = 0.0F;
  for (std::size_t i = 0; i < n; ++i)
    if (std::abs(values[i]) > std::abs(extreme)) extreme = values[i];
  if (std::abs(extreme) < smallest_scaled) return 0.0F;
  std::array<float, n> x{}, weight{}, q{};
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = values[i] / extreme;
    weight[i] = x[i] * x[i];
  }
  double best_gain = 0.0, best = 0.0;
  for (int candidate = -9; candidate <= 9; ++candidate) {
    const float per_step = -(32.0F + 0.1F * static_cast<float>(candidate));
    for (std::size_t i = 0; i < n; ++i) q[i] = std::clamp(nearest(per_step * x[i]), -32.0F, 31.0F);
    const double product = sum_of<n>([&](std::size_t i) { return weight[i] * x[i] * q[i]; });
    const double square = sum_of<n>([&](std::size_t i) { return weight[i] * q[i] * q[i]; });
    if (square <= 0.0 || product * product <= best_gain * square) continue;
    best_gain = product * product / square;
    best = product / square;
  }
  return static_cast<float>(best) * extreme;
}

/// x ≈ scale·q − minimum.
struct ScaleAndMinimum {
  float scale = 0.0F;
  float minimum = 0.0F;  ///< not negative
};

/// Scale and minimum that minimise Σ w(x − scale·q + minimum)² for whole numbers q in [0, most], of 32
/// numbers; w = rms(x) + |x|. As fit_scale, over roundings of the numbers' range to `tries` numbers of steps
/// from `first_steps` on, 0.1 apart (as in ggml-quants.c, make_qkx2_quants).
inline ScaleAndMinimum fit_scale_and_minimum(const float* values, float most, float first_steps, int tries) {
  constexpr std::size_t n = 32;
  float low = 0.0F, high = values[0];
  for (std::size_t i = 0; i < n; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  const float unit = std::max(std::abs(low), std::abs(high));
  if (unit < smallest_scaled) return {};
  if (high <= low) return {0.0F, -low};
  std::array<float, n> x{}, weight{}, q{};
  for (std::size_t i = 0; i < n; ++i) x[i] = values[i] / unit;
  const auto rms = static_cast<float>(std::sqrt(sum_of<n>([&](std::size_t i) { return x[i] * x[i]; }) / n));
  for (std::size_t i = 0; i < n; ++i) weight[i] = rms + std::abs(x[i]);
  const double w = sum_of<n>([&](std::size_t i) { return weight[i]; });
  const double wx = sum_of<n>([&](std::size_t i) { return weight[i] * x[i]; });
  double best_error = INFINITY, best_scale = 0.0, best_offset = 0.0;
  const float from = low / unit, range = (high - low) / unit;
  for (int attempt = 0; attempt < tries; ++attempt) {
    const float per_step = (first_steps + 0.1F * static_cast<float>(attempt)) / range;
    for (std::size_t i = 0; i < n; ++i) q[i] = std::clamp(nearest(per_step * (x[i] - from)), 0.0F, most);
    const double wq = sum_of<n>([&](std::size_t i) { return weight[i] * q[i]; });
    const double wqq = sum_of<n>([&](std::size_t i) { return weight[i] * q[i] * q[i]; });
    const double wxq = sum_of<n>([&](std::size_t i) { return weight[i] * x[i] * q[i]; });
    const double determinant = w * wqq - wq * wq;
    double scale = 0.0, offset = 1.0;
    if (determinant > 1e-6 * w * wqq) {  // not all q are the same
      scale = (w * wxq - wx * wq) / determinant;
      offset = (wqq * wx - wq * wxq) / determinant;
    }
    if (offset > 0.0) {  // cannot be stored
      scale = wxq / wqq;
      offset = 0.0;
    }
    const auto s = static_cast<float>(scale), o = static_cast<float>(offset);
    const double error = sum_of<n>([&](std::size_t i) {
      const float off = x[i] - s * q[i] - o;
      return weight[i] * off * off;
    });
    if (error >= best_error) continue;
    best_error = error;
    best_scale = scale;
    best_offset = offset;
  }
  return {static_cast<float>(best_scale) * unit, static_cast<float>(-best_offset) * unit};
}

}  // namespace zofo::checkpoint
