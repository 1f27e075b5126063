// C3: with the Hessian's effective rank r = tr(H)/‖H‖₂ fixed, the steps grow with r and not with d.
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

// r/2 eigenvalues of 1 have half of the trace; the other coordinates share the other half equally.
inline DiagonalQuadratic effective_rank(Eigen::Index d, Eigen::Index r) {
  const Eigen::Index top = r / 2;
  Eigen::VectorXd h =
      Eigen::VectorXd::Constant(d, static_cast<double>(r - top) / static_cast<double>(d - top));
  h.head(top).setOnes();
  return {h};
}

// Steps until ‖∇f‖² ≤ ‖∇f(x_0)‖²/20, x_0 on the leading eigenvectors. `rate(d, r)` is 1/((r+2)ℓ) for a
// correct library.
template <class Distribution, class Rate>
Moments c3_steps(const Distribution& distribution, const Rate& rate, Eigen::Index d, Eigen::Index r,
                 const Effort& effort) {
  const DiagonalQuadratic f = effective_rank(d, r);
  Eigen::VectorXd start = Eigen::VectorXd::Zero(d);
  start.head(r / 2).setConstant(1.0 / std::sqrt(static_cast<double>(r) / 2.0));
  return over_draws(effort.draws(16U, 256U), 1, [&](std::uint32_t run, Moments& part) {
    const zofo::Central central{1e-3, 1, effort.seed + 1000 * run + static_cast<std::uint64_t>(d + r)};
    part.add(steps_until(f, distribution, central, rate(static_cast<double>(d), static_cast<double>(r)),
                         start, static_cast<std::uint32_t>(20 * (r + 2)),
                         [&](const Eigen::VectorXd& x) { return f.gradient_squared(x) <= 0.05; }));
  });
}

template <class Distribution, class Rate>
Verdict c3_with(const Distribution& distribution, const Rate& rate, const Effort& effort) {
  Verdict v;
  v.id = "C3";
  v.statement = "fixed effective rank r: steps grow with r, not with d";
  v.figure = {.x_label = "d (r = 8), or r (d = 4096)", .y_label = "steps until ‖∇f‖² ≤ ‖∇f₀‖²/20"};
  Series in_d{
      .label = "against d", .x = {64, 256, 1024, 4096, 16384, 65536}, .y = {}, .error = {}, .slope = 0.0};
  Series in_r{.label = "against r", .x = {8, 16, 32, 64}, .y = {}, .error = {}, .slope = 1.0};
  for (const double d : in_d.x) {
    const Moments m = c3_steps(distribution, rate, static_cast<Eigen::Index>(d), 8, effort);
    in_d.y.push_back(m.mean());
    in_d.error.push_back(m.error());
  }
  for (const double r : in_r.x) {
    const Moments m = c3_steps(distribution, rate, 4096, static_cast<Eigen::Index>(r), effort);
    in_r.y.push_back(m.mean());
    in_r.error.push_back(m.error());
  }
  v.add(slope_is("exponent in d, 64 to 65536, r = 8", 0.0, log_log_fit(in_d.x, in_d.y, in_d.error), 0.1));
  v.add(slope_is("exponent in r, 8 to 64, d = 4096", 1.0, log_log_fit(in_r.x, in_r.y, in_r.error), 0.2));
  v.series = {in_d, in_r};
  return v;
}

inline Verdict c3(const Effort& effort) {
  return c3_with(zofo::Gaussian{}, [](double, double r) { return 1.0 / (r + 2.0); }, effort);
}

}  // namespace theory
