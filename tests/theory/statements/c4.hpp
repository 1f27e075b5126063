// C4: under the Polyak–Łojasiewicz inequality ZO gradient descent converges linearly.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "theory/descent.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

// Σ x² + 3 sin² x: not convex, PL with μ = 1/32, ℓ = 8 (Karimi, Nutini, Schmidt, ECML 2016, §2.3).
struct Ripples {
  static constexpr double kSmoothness = 8.0, kPl = 1.0 / 32.0;
  static constexpr const char* kName = "x² + 3 sin² x";
  static constexpr double kSteps = 1600;
  [[nodiscard]] static Eigen::VectorXd start() { return Eigen::VectorXd::LinSpaced(8, 0.5, 3.0); }
  double operator()(const Eigen::VectorXd& x) const {
    return (x.array().square() + 3.0 * x.array().sin().square()).sum();
  }
};

// Least squares with fewer rows than unknowns: a whole plane of minima; μ is the least eigenvalue that is not
// zero.
struct FlatValley {
  static constexpr double kSmoothness = 1.0, kPl = 0.4;
  static constexpr const char* kName = "rank-deficient least squares";
  static constexpr double kSteps = 3000;
  [[nodiscard]] static Eigen::VectorXd start() { return Eigen::VectorXd::Ones(12); }
  double operator()(const Eigen::VectorXd& x) const {
    return 0.5 * x.head(6).cwiseAbs2().dot(Eigen::VectorXd::LinSpaced(6, kPl, kSmoothness));
  }
};

// R² of log(f − f*) against k after the first quarter of the run, since the inequality bounds the rate but
// does not make it constant; and the rate against the guaranteed one: E f shrinks by 1 − (7/4) μη a step or
// faster.
template <class F, class Distribution, class MakeEstimator>
void c4_compare(Verdict& v, const F& f, const Distribution& distribution, const MakeEstimator& make,
                const Effort& effort) {
  const Eigen::VectorXd start = F::start();
  const auto d = static_cast<double>(start.size());
  const double rate = 1.0 / (4.0 * (d + 4) * F::kSmoothness);
  std::vector<double> grid;
  for (double k = 0.0; k <= F::kSteps; k += F::kSteps / 50.0) grid.push_back(k);
  const std::uint32_t batches = 16, runs = effort.draws(8U, 128U);
  Moments fits, rates, mean(static_cast<Eigen::Index>(grid.size()));
  std::vector<Eigen::ArrayXd> curves(batches, Eigen::ArrayXd::Zero(mean.means().size()));
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (std::uint32_t batch = 0; batch < batches; ++batch)
    for (std::uint32_t run = 0; run < runs; ++run)
      curves[batch] +=
          run_curve(f, distribution, make(effort.seed + batch * runs + run), rate, start, grid, f).log() /
          runs;
  for (const Eigen::ArrayXd& curve : curves) {
    const std::ptrdiff_t first = curve.size() / 4;
    const Fit fit = line_fit({grid.begin() + first, grid.end()}, {curve.begin() + first, curve.end()});
    fits.add(fit.r_squared);
    rates.add(-fit.slope / (1.75 * F::kPl * rate));
    mean.add(curve);
  }
  const std::string name = F::kName;
  v.add(mean_at_least(name + ": R² of log(f − f*) against k", 0.99, fits));
  v.add(mean_at_least(name + ": rate / guaranteed rate", 1.0, rates));
  Series s{.label = name, .x = grid, .y = {}, .error = {}};
  for (const double value : mean.means()) s.y.push_back(std::exp(value));
  v.series.push_back(std::move(s));
}

// `make(seed)` is the estimator under test.
template <class Distribution, class MakeEstimator>
Verdict c4_with(const Distribution& distribution, const MakeEstimator& make, const Effort& effort) {
  Verdict v;
  v.id = "C4";
  v.statement = "Polyak–Łojasiewicz f: linear convergence";
  v.figure = {.x_label = "k", .y_label = "f − f* (geometric mean)", .log_x = false};
  c4_compare(v, Ripples{}, distribution, make, effort);
  c4_compare(v, FlatValley{}, distribution, make, effort);
  return v;
}

inline Verdict c4(const Effort& effort) {
  return c4_with(zofo::Gaussian{}, [](std::uint64_t seed) { return zofo::Central{1e-6, 1, seed}; }, effort);
}

}  // namespace theory
