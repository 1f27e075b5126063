// C2: with an isotropic Hessian the steps to a fixed accuracy grow like d.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "theory/descent.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

// f = ½‖x‖² with the best step 1/(d+2). There E f_{k+1} = (1 − 1/(d+2)) f_k, exactly: the second comparison.
template <class Distribution, class MakeEstimator>
Verdict c2_with(const Distribution& distribution, const MakeEstimator& make, const Effort& effort) {
  Verdict v;
  v.id = "C2";
  v.statement = "isotropic Hessian: steps to a fixed accuracy grow like d";
  v.figure = {.x_label = "d", .y_label = "steps until f ≤ f₀/100"};
  Series s{
      .label = "isotropic", .x = {8, 16, 32, 64, 128, 256, 512, 1024}, .y = {}, .error = {}, .slope = 1.0};
  for (const double dimension : s.x) {
    const auto d = static_cast<Eigen::Index>(dimension);
    const DiagonalQuadratic f{Eigen::VectorXd::Ones(d)};
    const Eigen::VectorXd start = Eigen::VectorXd::Constant(d, 1.0 / std::sqrt(dimension));
    const Moments m = over_draws(effort.draws(16U, 128U), 1, [&](std::uint32_t run, Moments& part) {
      part.add(steps_until(f, distribution, make(effort.seed + 1000 * run + static_cast<std::uint64_t>(d)),
                           1.0 / (dimension + 2), start, static_cast<std::uint32_t>(12 * (d + 2)),
                           [&](const Eigen::VectorXd& x) { return x.squaredNorm() <= 1e-2; }));
    });
    s.y.push_back(m.mean());
    s.error.push_back(m.error());
  }
  v.add(slope_is("exponent in d, 8 to 1024", 1.0, log_log_fit(s.x, s.y, s.error), 0.15));
  constexpr Eigen::Index d = 32;
  const DiagonalQuadratic f{Eigen::VectorXd::Ones(d)};
  const Moments once = over_draws(effort.draws(4000U, 100000U), 1, [&](std::uint32_t run, Moments& part) {
    zo_descent(f, distribution, make(effort.seed + 7 + run), 1.0 / (d + 2),
               Eigen::VectorXd::Constant(d, 1.0 / std::sqrt(d)),
               [&](std::uint32_t k, const Eigen::VectorXd& x) {
                 if (k == d + 2) part.add(x.squaredNorm());
                 return k < d + 2;
               });
  });
  v.add(mean_is("E f after d+2 steps over f0, d = 32", std::pow(1.0 - 1.0 / (d + 2), d + 2), once.mean(),
                once.error(), 0.1));
  v.series = {s};
  return v;
}

inline Verdict c2(const Effort& effort) {
  return c2_with(zofo::Gaussian{}, [](std::uint64_t seed) { return zofo::Central{1e-3, 1, seed}; }, effort);
}

}  // namespace theory
