/// @file A check that a perturbation distribution has the moments that the estimators assume.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/perturb/perturbation.hpp"
#include "zofo/perturb/tensor_walk.hpp"

namespace zofo {

/// A measured mean and what it should be.
struct MeasuredMoment {
  /// E z; E zzᵀ; E of a z and the z of the next step.
  enum class Kind : std::uint8_t { mean, second, next_step };
  Kind kind = Kind::mean;       ///< which moment
  std::string name;             ///< for messages: "E[z_0]"
  double measured = 0.0;        ///< mean over the samples
  double expected = 0.0;        ///< value for E z = 0 and E zzᵀ = I
  double standard_error = 0.0;  ///< of `measured`, estimated from the samples
  /// |measured − expected| in standard errors; an error of 1e-6 is attributed to rounding.
  [[nodiscard]] double deviation() const {
    constexpr double rounding = 1e-6;
    return std::abs(measured - expected) / std::hypot(standard_error, rounding);
  }
};

/// What check_perturbation measured.
struct PerturbationReport {
  std::vector<MeasuredMoment> moments;  ///< all measured moments
  bool repeats = true;                  ///< the same direction gave the same bits again
  std::uint32_t samples = 0;            ///< independent pairs of directions that were measured
  double false_alarm_rate = 1e-6;       ///< probability that a correct perturbation fails
  double threshold = 0.0;               ///< largest deviation allowed, in standard errors

  /// The moment that deviates most.
  [[nodiscard]] const MeasuredMoment& worst() const {
    return *std::ranges::max_element(moments, {}, &MeasuredMoment::deviation);
  }
  /// Whether no moment deviates by more than the threshold and directions repeat.
  [[nodiscard]] bool passed() const { return repeats && worst().deviation() <= threshold; }
  /// Whether E zzᵀ = I holds and directions repeat, which is enough for estimators of differences at one step
  /// (Central, Forward). Coordinate passes this although its E z ≠ 0.
  [[nodiscard]] bool second_moments_passed() const {
    return repeats && std::ranges::all_of(moments, [this](const MeasuredMoment& m) {
             return m.kind != MeasuredMoment::Kind::second || m.deviation() <= threshold;
           });
  }
  /// The verdict in one line.
  [[nodiscard]] std::string text() const {
    if (!repeats) return "failed: one direction gave two different z";
    const MeasuredMoment& w = worst();
    return fmt::format("{}: {} is {:.6g}, expected {:.6g}: {:.1f} standard errors, {:.1f} allowed",
                       passed() ? "passed" : "failed", w.name, w.measured, w.expected, w.deviation(),
                       threshold);
  }
};

namespace detail {

/// z for which P(|N(0, 1)| > z) = p, by bisection.
inline double normal_threshold(double p) {
  double low = 0.0, high = 40.0;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (std::erfc(middle / std::sqrt(2.0)) > p ? low : high) = middle;
  }
  return high;
}

/// A running mean with its standard error.
class RunningMean {
 public:
  void add(double x) {
    ++count_;
    const double before = x - mean_;
    mean_ += before / count_;
    squares_ += before * (x - mean_);
  }
  [[nodiscard]] MeasuredMoment moment(MeasuredMoment::Kind kind, std::string name, double expected) const {
    return {kind, std::move(name), mean_, expected, std::sqrt(squares_ / (count_ - 1.0) / count_)};
  }

 private:
  double count_ = 0.0, mean_ = 0.0, squares_ = 0.0;
};

/// Unit vectors on which z is measured: coordinates spread over θ, then vectors of random signs over √d.
struct Projections {
  static constexpr std::size_t kCoordinates = 6, kDense = 4;
  std::size_t d;
  std::vector<std::size_t> coordinates;
  std::vector<std::uint8_t> signs;  ///< bit j: the sign of the j-th dense vector there

  Projections(std::size_t count, std::uint64_t seed) : d(count), signs(count) {
    // A key that no direction of this seed has: the signs must be independent of z.
    const PhiloxStream words{{~seed, 0xFFFFFFFFU, 0xFFFFFFFFU}, 0};
    for (std::size_t at = 0; at < d; ++at)
      signs[at] = static_cast<std::uint8_t>(words.block(static_cast<std::uint32_t>(at))[0]);
    const std::size_t n = std::min(kCoordinates, d);
    for (std::size_t j = 0; j < n; ++j) coordinates.push_back(n == 1 ? 0 : j * (d - 1) / (n - 1));
  }
  [[nodiscard]] std::size_t size() const { return coordinates.size() + kDense; }
  [[nodiscard]] std::string name(std::size_t j) const {
    return j < coordinates.size() ? fmt::format("z_{}", coordinates[j])
                                  : fmt::format("u_{} . z", j - coordinates.size());
  }
  /// ⟨u_j, z⟩ for all j, z the coordinates of `theta` over all tensors.
  template <class Theta>
  void measure(const Theta& theta, std::vector<double>& out) const {
    out.assign(size(), 0.0);
    std::size_t at = 0;
    list_tensors(theta, [&](std::uint32_t, const auto* x, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i, ++at) {
        const auto z = static_cast<double>(x[i]);
        for (std::size_t j = 0; j < coordinates.size(); ++j)
          if (coordinates[j] == at) out[j] = z;
        const std::uint8_t word = signs[at];
        for (std::size_t j = 0; j < kDense; ++j)
          out[coordinates.size() + j] += ((word >> j) & 1U) == 0 ? z : -z;
      }
    });
    for (std::size_t j = coordinates.size(); j < size(); ++j) out[j] /= std::sqrt(static_cast<double>(d));
  }
  /// ⟨u_i, u_j⟩.
  [[nodiscard]] double product(std::size_t i, std::size_t j) const {
    if (i == j) return 1.0;
    const std::size_t k = coordinates.size();
    const double root = std::sqrt(static_cast<double>(d));
    if (i < k && j < k) return 0.0;
    if (i < k) return sign(coordinates[i], j - k) / root;
    if (j < k) return sign(coordinates[j], i - k) / root;
    double sum = 0.0;
    for (std::size_t at = 0; at < d; ++at) sum += sign(at, i - k) * sign(at, j - k);
    return sum / static_cast<double>(d);
  }

 private:
  [[nodiscard]] double sign(std::size_t at, std::size_t j) const {
    return ((signs[at] >> j) & 1U) == 0 ? 1.0 : -1.0;
  }
};

/// theta ← z(direction).
template <class D, class Theta>
void write_direction(const D& perturbation, Direction direction, Theta& theta) {
  for_each_tensor(theta, [](std::uint32_t, auto* x, std::size_t n) { std::fill_n(x, n, 0); });
  perturbation.add(theta, direction, 1.0);
}

/// Whether two θs have the same bits.
template <class Theta>
bool same_bits(const Theta& a, const Theta& b) {
  std::vector<const void*> others;
  list_tensors(b, [&others](std::uint32_t, const auto* x, std::size_t) { others.push_back(x); });
  std::size_t index = 0;
  bool same = true;
  list_tensors(a, [&]<class T>(std::uint32_t, const T* x, std::size_t n) {
    same = same && (n == 0 || std::memcmp(x, others[index], n * sizeof(T)) == 0);
    ++index;
  });
  return same;
}

}  // namespace detail

/// Measures z on chosen coordinates and random projections of θ's shape (θ itself is not changed, its values
/// are not used): E z = 0; E zzᵀ = I; no correlation with the z of the next step; and that a direction always
/// gives the same z. Samples are independent: each has its own seed, `seed`, `seed` + 1, …, so that the
/// mean is also over matrices that LowRank::hold keeps for several steps. The verdict has `false_alarm_rate`
/// for all moments together, each normal by the central limit theorem: for directions with few nonzero
/// coordinates choose samples ≫ d. Costs 2 · samples generations, two copies of θ and one byte per
/// coordinate. Throws Error for fewer than 100 samples or a rate outside (0, 1), and what the perturbation
/// throws.
///
/// A masked perturbation (Sparse) has E zzᵀ = I on the mask only and fails, as it should.
template <HasTensors Theta, Perturbation<Theta> D>
[[nodiscard]] PerturbationReport check_perturbation(const D& perturbation, const Theta& theta,
                                                    std::uint32_t samples = 10000, std::uint64_t seed = 1,
                                                    double false_alarm_rate = 1e-6) {
  require(samples >= 100, "samples = {}: must be at least 100", samples);
  require(false_alarm_rate > 0.0 && false_alarm_rate < 1.0, "false_alarm_rate = {}: must be in (0, 1)",
          false_alarm_rate);
  const detail::Projections projections(coordinate_count(theta), seed);
  require(projections.d > 0, "theta has no coordinates: must have at least 1");
  const std::size_t n = projections.size();
  std::vector<detail::RunningMean> means(n), seconds(n * n), lagged(n * n);
  Memory<Theta> z, again;
  remember(theta, z);
  remember(theta, again);
  PerturbationReport report;
  std::vector<double> a, next;
  for (std::uint32_t k = 0; k < samples; ++k) {
    const std::uint32_t step = 2 * (k % (std::uint32_t{1} << 30U));
    detail::write_direction(perturbation, {seed + k, step, 0}, *z);
    projections.measure(*z, a);
    if (k < 2) {
      detail::write_direction(perturbation, {seed + k, step, 0}, *again);
      report.repeats = report.repeats && detail::same_bits(*z, *again);
    }
    detail::write_direction(perturbation, {seed + k, step + 1, 0}, *z);
    projections.measure(*z, next);
    for (std::size_t i = 0; i < n; ++i) {
      means[i].add(a[i]);
      for (std::size_t j = 0; j < n; ++j) {
        if (j <= i) seconds[i * n + j].add(a[i] * a[j]);
        lagged[i * n + j].add(a[i] * next[j]);
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::string one = projections.name(i);
    report.moments.push_back(means[i].moment(MeasuredMoment::Kind::mean, fmt::format("E[{}]", one), 0.0));
    for (std::size_t j = 0; j < n; ++j) {
      const std::string other = projections.name(j);
      if (j <= i)
        report.moments.push_back(seconds[i * n + j].moment(
            MeasuredMoment::Kind::second, fmt::format("E[({})({})]", one, other), projections.product(i, j)));
      report.moments.push_back(lagged[i * n + j].moment(
          MeasuredMoment::Kind::next_step, fmt::format("E[({})({} of the next step)]", one, other), 0.0));
    }
  }
  report.samples = samples;
  report.false_alarm_rate = false_alarm_rate;
  report.threshold = detail::normal_threshold(false_alarm_rate / static_cast<double>(report.moments.size()));
  return report;
}

}  // namespace zofo
