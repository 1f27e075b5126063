// Means, fits and intervals of the statements, and the comparisons made from them. The generator is that of
// the standard library, so that a fault in zofo's random numbers cannot affect the arithmetic that checks
// them.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "theory/verdict.hpp"

namespace theory {

inline constexpr double kSigmas = 5.0;

// Probability that a normal variable is more than `sigmas` standard deviations from its mean: 5.7e-7 at five.
inline double normal_tail(double sigmas) { return std::erfc(sigmas / std::sqrt(2.0)); }

// Running mean and variance (Welford 1962), of every coordinate; blocks merge exactly (Chan et al. 1979).
class Moments {
 public:
  explicit Moments(Eigen::Index d = 1) : mean_(Eigen::ArrayXd::Zero(d)), squares_(Eigen::ArrayXd::Zero(d)) {}
  void add(const Eigen::ArrayXd& x) {
    count_ += 1.0;
    const Eigen::ArrayXd before = x - mean_;
    mean_ += before / count_;
    squares_ += before * (x - mean_);
  }
  void add(double x) { add(Eigen::ArrayXd::Constant(1, x)); }
  void merge(const Moments& other) {
    if (other.count_ == 0.0) return;
    const double total = count_ + other.count_;
    const Eigen::ArrayXd difference = other.mean_ - mean_;
    squares_ += other.squares_ + difference.square() * (count_ * other.count_ / total);
    mean_ += difference * (other.count_ / total);
    count_ = total;
  }
  [[nodiscard]] double count() const { return count_; }
  [[nodiscard]] const Eigen::ArrayXd& means() const { return mean_; }
  [[nodiscard]] Eigen::ArrayXd variances() const { return squares_ / (count_ - 1.0); }
  [[nodiscard]] Eigen::ArrayXd errors() const { return (variances() / count_).sqrt(); }
  [[nodiscard]] double mean() const { return mean_[0]; }
  [[nodiscard]] double variance() const { return variances()[0]; }
  [[nodiscard]] double error() const { return errors()[0]; }  // standard error of the mean

 private:
  Eigen::ArrayXd mean_, squares_;
  double count_ = 0.0;
};

// Sums body(k, moments) over k < n in 64 blocks shared among threads and merged in order: the same bits on
// any number of threads.
template <class Body>
Moments over_draws(std::uint32_t n, Eigen::Index d, const Body& body) {
  constexpr std::uint32_t blocks = 64;
  std::vector<Moments> parts(blocks, Moments(d));
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (std::uint32_t block = 0; block < blocks; ++block) {
    const auto first = static_cast<std::uint32_t>(std::uint64_t{n} * block / blocks);
    const auto end = static_cast<std::uint32_t>(std::uint64_t{n} * (block + 1) / blocks);
    for (std::uint32_t k = first; k < end; ++k) body(k, parts[block]);
  }
  Moments all(d);
  for (const Moments& part : parts) all.merge(part);
  return all;
}

struct Interval {
  double low = kNaN, high = kNaN;
};

// 97.5 % quantile of Student's t (Abramowitz & Stegun 26.7.5), within 1e-3 from four degrees of freedom on.
inline double student_quantile(double freedom) {
  constexpr double z = 1.959963984540054;
  const double z2 = z * z, v = freedom;
  return z + z * (z2 + 1) / (4 * v) + z * (5 * z2 * z2 + 16 * z2 + 3) / (96 * v * v) +
         z * (3 * z2 * z2 * z2 + 19 * z2 * z2 + 17 * z2 - 15) / (384 * v * v * v) +
         z * (79 * z2 * z2 * z2 * z2 + 776 * z2 * z2 * z2 + 1482 * z2 * z2 - 1920 * z2 - 945) /
             (92160 * v * v * v * v);
}

struct Fit {
  double slope = kNaN, intercept = kNaN, r_squared = kNaN;
  double error = kNaN;  // standard error of the slope
  Interval interval;    // of the slope
};

// Least-squares line y ≈ intercept + slope·x. With standard errors of y the slope's error follows from them
// and the interval is ± 5 of it; without, from the residuals, and the interval is Student's at 95 %.
inline Fit line_fit(const std::vector<double>& x, const std::vector<double>& y,
                    const std::vector<double>& y_error = {}) {
  const auto n = static_cast<Eigen::Index>(x.size());
  if (n < 3 || y.size() != x.size() || (!y_error.empty() && y_error.size() != x.size())) return {};
  const Eigen::Map<const Eigen::ArrayXd> xs(x.data(), n), ys(y.data(), n);
  const Eigen::ArrayXd centred = xs - xs.mean(), weights = centred / centred.square().sum();
  Fit fit;
  fit.slope = (weights * ys).sum();
  fit.intercept = ys.mean() - fit.slope * xs.mean();
  const double residual = (ys - fit.intercept - fit.slope * xs).square().sum();
  fit.r_squared = 1.0 - residual / (ys - ys.mean()).square().sum();
  double half = 0.0;
  if (y_error.empty()) {
    fit.error = std::sqrt(residual / static_cast<double>(n - 2) * weights.square().sum());
    half = student_quantile(static_cast<double>(n - 2)) * fit.error;
  } else {
    fit.error = std::sqrt((weights * Eigen::Map<const Eigen::ArrayXd>(y_error.data(), n)).square().sum());
    half = kSigmas * fit.error;
  }
  fit.interval = {fit.slope - half, fit.slope + half};
  return fit;
}

// The same for log y against log x; a y that is not positive makes the fit NaN.
inline Fit log_log_fit(std::vector<double> x, std::vector<double> y, std::vector<double> y_error = {}) {
  for (std::size_t i = 0; i < y_error.size(); ++i) y_error[i] /= y[i];
  for (double& value : x) value = std::log(value);
  for (double& value : y) value = value > 0.0 ? std::log(value) : kNaN;
  return line_fit(x, y, y_error);
}

inline double median(std::vector<double> values) {
  if (values.empty()) return kNaN;
  const std::size_t n = values.size();
  std::sort(values.begin(), values.end());
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

// 95 % percentile bootstrap interval of the median (Efron 1979).
inline Interval bootstrap_median(const std::vector<double>& values, std::uint64_t seed,
                                 std::size_t resamples = 2000) {
  if (values.empty()) return {};
  std::mt19937_64 random(seed);
  std::vector<double> medians(resamples), sample(values.size());
  for (double& m : medians) {
    for (double& value : sample) value = values[static_cast<std::size_t>(random() % values.size())];
    m = median(sample);
  }
  std::sort(medians.begin(), medians.end());
  return {medians[resamples / 40], medians[resamples - 1 - resamples / 40]};
}

// ---- comparisons
// -----------------------------------------------------------------------------------------------------

// A mean within five standard errors of `predicted`, its interval at most `resolution` · |predicted| to
// either side: a mean too noisy to distinguish a broken library from a correct one fails.
inline Comparison mean_is(std::string what, double predicted, double mean, double error, double resolution) {
  const double half = kSigmas * error;
  return {.what = std::move(what),
          .predicted = fmt::format("{:.5g}", predicted),
          .measured = mean,
          .low = mean - half,
          .high = mean + half,
          .allowed_low = predicted - half,
          .allowed_high = predicted + half,
          .false_alarm = normal_tail(kSigmas),
          .widest = 2.0 * resolution * std::abs(predicted)};
}

// The largest |mean − expected| over the coordinates in standard errors, at most five; the interval contains
// all coordinates.
inline Comparison means_are(std::string what, const Moments& moments, const Eigen::ArrayXd& expected) {
  const Eigen::ArrayXd distance = (moments.means() - expected).abs(), errors = moments.errors();
  double worst = 0.0;
  for (Eigen::Index i = 0; i < errors.size(); ++i) {
    const double sigmas = distance[i] / errors[i];
    worst = worst <= sigmas ? sigmas : (std::isnan(sigmas) ? kNaN : worst);
  }
  return {.what = std::move(what),
          .predicted = "<= 5 s.e.",
          .measured = worst,
          .low = 0.0,
          .high = worst,
          .allowed_low = 0.0,
          .allowed_high = kSigmas,
          .false_alarm = normal_tail(kSigmas) * static_cast<double>(errors.size())};
}

// A fitted slope within `tolerance` of the prediction. With errors from replicates, a correct library fails
// with the probability of the normal tail; with deterministic numbers it never fails.
inline Comparison slope_is(std::string what, double predicted, const Fit& fit, double tolerance,
                           bool statistical = true) {
  return {.what = std::move(what),
          .predicted = fmt::format("{:g} ± {:g}", predicted, tolerance),
          .measured = fit.slope,
          .low = fit.interval.low,
          .high = fit.interval.high,
          .allowed_low = predicted - tolerance,
          .allowed_high = predicted + tolerance,
          .false_alarm = statistical ? normal_tail(tolerance / fit.error) : 0.0,
          .widest = 4.0 * tolerance};
}

// A mean over independent runs that must be at most (at least) a limit. The false-alarm probability is that
// of the normal tail beyond the limit.
inline Comparison mean_at_most(std::string what, double limit, const Moments& m) {
  return {.what = std::move(what),
          .predicted = fmt::format("<= {:g}", limit),
          .measured = m.mean(),
          .low = m.mean() - kSigmas * m.error(),
          .high = m.mean() + kSigmas * m.error(),
          .allowed_low = -kInfinity,
          .allowed_high = limit,
          .false_alarm = normal_tail((limit - m.mean()) / m.error())};
}
inline Comparison mean_at_least(std::string what, double limit, const Moments& m) {
  Comparison c = mean_at_most(std::move(what), kInfinity, m);
  c.predicted = fmt::format(">= {:g}", limit);
  c.allowed_low = limit;
  c.false_alarm = normal_tail((m.mean() - limit) / m.error());
  return c;
}

// A number without randomness, at most `limit`.
inline Comparison at_most(std::string what, double limit, double value) {
  return {.what = std::move(what),
          .predicted = fmt::format("<= {:g}", limit),
          .measured = value,
          .low = value,
          .high = value,
          .allowed_low = -kInfinity,
          .allowed_high = limit};
}

// A number without randomness, at least `limit`.
inline Comparison at_least(std::string what, double limit, double value) {
  Comparison c = at_most(std::move(what), kInfinity, value);
  c.predicted = fmt::format(">= {:g}", limit);
  c.allowed_low = limit;
  return c;
}

}  // namespace theory
