// C1: ZO gradient descent on an ℓ-smooth f with step 1/(4(d+4)ℓ): min_{k<K} E‖∇f‖² ≤ 8(d+4)ℓ (f0 − f*)/K +
// O(ε²).
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "theory/descent.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

// Σ x²/(1 + x²): not convex, ℓ = 2, f* = 0; converges faster than the bound in the end.
struct Wells {
  static constexpr double kSmoothness = 2.0;
  static constexpr bool kSlow = false;
  static constexpr const char* kName = "wells";
  [[nodiscard]] static Eigen::VectorXd start(Eigen::Index d) {
    return Eigen::VectorXd::LinSpaced(d, 0.4, 1.6);
  }
  double operator()(const Eigen::VectorXd& x) const {
    return (x.array().square() / (1.0 + x.array().square())).sum();
  }
  [[nodiscard]] double gradient_squared(const Eigen::VectorXd& x) const {
    return (2.0 * x.array() / (1.0 + x.array().square()).square()).square().sum();
  }
};

// (1 + ‖x‖²)^(−1/4): the infimum 0 is reached only at infinity, ℓ = 1/2. Its gradient flow has ‖∇f‖² ∝
// t^(−6/5), close to the worst that the bound allows.
struct Slope {
  static constexpr double kSmoothness = 0.5;
  static constexpr bool kSlow = true;
  static constexpr const char* kName = "endless slope";
  [[nodiscard]] static Eigen::VectorXd start(Eigen::Index d) {
    return Eigen::VectorXd::Constant(d, 1.0 / std::sqrt(static_cast<double>(d)));
  }
  double operator()(const Eigen::VectorXd& x) const { return std::pow(1.0 + x.squaredNorm(), -0.25); }
  [[nodiscard]] double gradient_squared(const Eigen::VectorXd& x) const {
    return 0.25 * x.squaredNorm() * std::pow(1.0 + x.squaredNorm(), -2.5);
  }
};

// Results of a batch of runs: the mean of ‖∇f‖² at the steps of the grid, and the mean of f at its end.
struct C1Batch {
  Eigen::ArrayXd gradients;
  double last = 0.0;
};
template <class F, class Distribution, class MakeEstimator>
std::vector<C1Batch> c1_batches(const F& f, const Distribution& distribution, const MakeEstimator& make,
                                double rate, const Eigen::VectorXd& start, const std::vector<double>& grid,
                                const Effort& effort) {
  const std::uint32_t batches = 8, runs = effort.draws(2U, 8U);
  std::vector<C1Batch> all(batches, {Eigen::ArrayXd::Zero(static_cast<Eigen::Index>(grid.size()))});
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (std::uint32_t batch = 0; batch < batches; ++batch)
    for (std::uint32_t run = 0; run < runs; ++run) {
      double last = kNaN;
      all[batch].gradients +=
          run_curve(f, distribution, make(effort.seed + batch * runs + run), rate, start, grid,
                    [&](const Eigen::VectorXd& x) {
                      last = f(x);
                      return f.gradient_squared(x);
                    }) /
          runs;
      all[batch].last += last / runs;
    }
  return all;
}

// The running minimum over K; NaN after the first NaN.
inline Eigen::ArrayXd running_minimum(Eigen::ArrayXd curve) {
  for (Eigen::Index i = 1; i < curve.size(); ++i)
    curve[i] = std::isnan(curve[i]) ? kNaN : std::min(curve[i], curve[i - 1]);
  return curve;
}

// Compares with the bound, checks that f decreased, and on the slow function checks the rate. The bound by
// itself cannot distinguish descent from ascent: the gradient also vanishes at a maximum and far away.
template <class F, class Distribution, class MakeEstimator>
void c1_compare(Verdict& v, const F& f, const Distribution& distribution, const MakeEstimator& make,
                const Effort& effort) {
  constexpr Eigen::Index d = 8;
  const double top = effort.draws(20000.0, 100000.0);
  std::vector<double> grid;
  for (double k = 1.0; k < top; k = std::ceil(k * 1.2)) grid.push_back(k);
  const Eigen::ArrayXd steps =
      Eigen::Map<const Eigen::ArrayXd>(grid.data(), static_cast<Eigen::Index>(grid.size()));
  const Eigen::VectorXd start = F::start(d);
  const double rate = 1.0 / (4.0 * (d + 4) * F::kSmoothness),
               allowed = 8.0 * (d + 4) * F::kSmoothness * f(start);
  const Eigen::Index tail = (steps < top / 30.0).count();
  Moments bounds, slopes, ends, mean(steps.size());
  for (const C1Batch& batch : c1_batches(f, distribution, make, rate, start, grid, effort)) {
    const Eigen::ArrayXd curve = running_minimum(batch.gradients);
    bounds.add(curve.allFinite() ? (curve * steps).maxCoeff() / allowed : kNaN);
    slopes.add(log_log_fit({grid.begin() + tail, grid.end()}, {curve.begin() + tail, curve.end()}).slope);
    ends.add(batch.last / f(start));
    mean.add(curve);
  }
  const std::string name = F::kName;
  v.add(mean_at_most(name + ": largest K · min E|grad|² / (8(d+4)l(f0−f*))", 1.0, bounds));
  v.add(mean_at_most(name + ": E f at the end / f0", 1.0, ends));
  if (F::kSlow) v.add(mean_at_most(name + ": slope in K over the last factor 30", -0.9, slopes));
  Series s{.label = name, .x = {}, .y = {}, .error = {}};
  Series line{.label = name + ", bound", .x = grid, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const double value = mean.means()[static_cast<Eigen::Index>(i)];
    line.y.push_back(allowed / grid[i]);
    if (!(value > 1e-12)) continue;
    s.x.push_back(grid[i]);
    s.y.push_back(value);
  }
  v.series.push_back(std::move(s));
  v.series.push_back(std::move(line));
}

// `make(seed)` is the estimator under test.
template <class Distribution, class MakeEstimator>
Verdict c1_with(const Distribution& distribution, const MakeEstimator& make, const Effort& effort) {
  Verdict v;
  v.id = "C1";
  v.statement = "smooth f, step 1/(4(d+4)l): min E|grad f|² <= 8(d+4)l(f0−f*)/K";
  v.figure = {.x_label = "K", .y_label = "min_{k<K} E‖∇f‖²"};
  c1_compare(v, Wells{}, distribution, make, effort);
  c1_compare(v, Slope{}, distribution, make, effort);
  return v;
}

inline Verdict c1(const Effort& effort) {
  return c1_with(zofo::Gaussian{}, [](std::uint64_t seed) { return zofo::Central{1e-4, 1, seed}; }, effort);
}

}  // namespace theory
