// C1: ZO gradient descent on an ℓ-smooth f with step 1/(4(d+4)ℓ): min_{k<K} E‖∇f‖² ≤ 8(d+4)ℓ (f0 − f*)/K +
// O(ε²).
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
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
  static constexpr const char* kName = "wells";
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
  static constexpr const char* kName = "endless slope";
  double operator()(const Eigen::VectorXd& x) const { return std::pow(1.0 + x.squaredNorm(), -0.25); }
  [[nodiscard]] double gradient_squared(const Eigen::VectorXd& x) const {
    return 0.25 * x.squaredNorm() * std::pow(1.0 + x.squaredNorm(), -2.5);
  }
};

// Running minimum over K of the mean of ‖∇f‖², by batches of runs: a bound and a slope from each.
template <class F, class Law, class MakeEstimator>
void c1_compare(Verdict& v, const F& f, const Law& law, const MakeEstimator& make, const Effort& effort) {
  constexpr Eigen::Index d = 8;
  const double top = effort.draws(20000.0, 300000.0), smoothness = F::kSmoothness;
  std::vector<double> grid;
  for (double k = 1.0; k < top; k = std::ceil(k * 1.2)) grid.push_back(k);
  const Eigen::VectorXd start =
      Eigen::VectorXd::LinSpaced(d, 0.4, 1.6) / (smoothness < 1.0 ? std::sqrt(8.0) : 1.0);
  const double rate = 1.0 / (4.0 * (d + 4) * smoothness), allowed = 8.0 * (d + 4) * smoothness * f(start);
  const std::uint32_t batches = 8, runs = effort.draws(2U, 8U);
  std::vector<Eigen::ArrayXd> curves(batches, Eigen::ArrayXd::Zero(static_cast<Eigen::Index>(grid.size())));
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (std::uint32_t batch = 0; batch < batches; ++batch)
    for (std::uint32_t run = 0; run < runs; ++run)
      curves[batch] += run_curve(f, law, make(effort.seed + batch * runs + run), rate, start, grid,
                                 [&](const Eigen::VectorXd& x) { return f.gradient_squared(x); }) /
                       runs;
  Moments bounds, slopes, mean(static_cast<Eigen::Index>(grid.size()));
  for (Eigen::ArrayXd& curve : curves) {
    for (Eigen::Index i = 1; i < curve.size(); ++i)
      curve[i] = std::isnan(curve[i]) ? kNaN : std::min(curve[i], curve[i - 1]);
    double worst = 0.0;
    std::vector<double> x, y;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const double value = curve[static_cast<Eigen::Index>(i)], ratio = value * grid[i] / allowed;
      worst = worst > ratio ? worst : ratio;
      if (grid[i] >= top / 30.0 && value > 1e-25) {
        x.push_back(grid[i]);
        y.push_back(value);
      }
    }
    bounds.add(curve.allFinite() ? worst : kNaN);
    slopes.add(curve.allFinite() && x.size() < 3 ? -kInfinity : log_log_fit(x, y).slope);
    mean.add(curve);
  }
  const std::string name = F::kName;
  v.add(mean_at_most(name + ": largest K · min E|grad|² / (8(d+4)l(f0−f*))", 1.0, bounds));
  if (smoothness < 1.0) v.add(mean_at_most(name + ": slope in K over the last factor 30", -0.9, slopes));
  Series s{.label = name, .x = {}, .y = {}, .error = {}};
  Series line{.label = name + ", bound", .x = {}, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const double value = mean.means()[static_cast<Eigen::Index>(i)];
    line.x.push_back(grid[i]);
    line.y.push_back(allowed / grid[i]);
    if (!(value > 1e-12)) continue;
    s.x.push_back(grid[i]);
    s.y.push_back(value);
  }
  v.series.push_back(std::move(s));
  v.series.push_back(std::move(line));
}

// `make(seed)` is the estimator under test.
template <class Law, class MakeEstimator>
Verdict c1_with(const Law& law, const MakeEstimator& make, const Effort& effort) {
  Verdict v;
  v.id = "C1";
  v.statement = "smooth f, step 1/(4(d+4)l): min E|grad f|² <= 8(d+4)l(f0−f*)/K";
  v.figure = {.x_label = "K", .y_label = "min_{k<K} E‖∇f‖²"};
  c1_compare(v, Wells{}, law, make, effort);
  c1_compare(v, Slope{}, law, make, effort);
  return v;
}

inline Verdict c1(const Effort& effort) {
  return c1_with(
      zofo::Gaussian{},
      [](std::uint64_t seed) {
        return zofo::Central{{1e-4, 1, seed}};
      },
      effort);
}

}  // namespace theory
