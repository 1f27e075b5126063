// E10: ρ² = q Σ c² has the mean ‖∇f‖² on a linear function, under every variance reduction and at every step:
// q counts directions, not terms.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/variance/none.hpp"
#include "zofo/variance/spider.hpp"
#include "zofo/variance/storm.hpp"
#include "zofo/variance/svrg.hpp"

namespace theory {

// ⟨g, θ⟩ on every batch. Each step adds one to every coordinate of θ, which does not change the gradient.
struct E10Linear {
  Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(8, -1.0, 2.0);
  double here_at = 0.0, anchor_at = 0.0;
  std::vector<double> losses_here{}, losses_at_anchor{};

  std::span<const double> here(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch) {
    return at(here_at, probes, losses_here);
  }
  std::span<const double> at_anchor(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch) {
    return at(anchor_at, probes, losses_at_anchor);
  }
  void move_anchor() { anchor_at = here_at; }

 private:
  std::span<const double> at(double x, std::span<const zofo::Probe> probes, std::vector<double>& losses) {
    losses.clear();
    for (const zofo::Probe& probe : probes) {
      Eigen::VectorXd theta = Eigen::VectorXd::Constant(g.size(), x);
      zofo::Gaussian{}.add(theta, probe.direction, probe.scale);
      losses.push_back(g.dot(theta));
    }
    return losses;
  }
};

// Means of `measure`(estimate) after steps 0, 3 and 8, over ‖g‖². `make(seed)` is the reduction under test.
inline constexpr std::uint32_t kE10Steps[] = {0, 3, 8};
template <class Make, class Measure>
Moments e10_moments(const Make& make, const Measure& measure, std::uint32_t draws, std::uint64_t seed) {
  return over_draws(draws, 3, [&](std::uint32_t draw, Moments& part) {
    const auto reduction = make(seed + draw);
    typename std::decay_t<decltype(reduction)>::State state;
    E10Linear evaluator;
    zofo::ZoGradient estimate;
    Eigen::ArrayXd seen(3);
    Eigen::Index next = 0;
    for (std::uint32_t k = 0; k <= 8; ++k) {
      evaluator.here_at = k;
      reduction.estimate(k, evaluator, state, estimate);
      if (k == kE10Steps[next]) seen[next++] = measure(estimate) / evaluator.g.squaredNorm();
    }
    part.add(seen);
  });
}

// `measure(estimate)` is the library's ρ², or a wrong one.
template <class Measure>
Verdict e10_with(const Measure& measure, const Effort& effort) {
  Verdict v;
  v.id = "E10";
  v.statement = "mean of rho² = q sum c² is |grad f|² on a linear f, under every variance reduction";
  v.figure = {.x_label = "step", .y_label = "E ρ² / ‖∇f‖²", .log_x = false, .log_y = false};
  const std::uint32_t draws = effort.draws(4000U, 100000U);
  const auto add = [&](const std::string& name, const auto& make) {
    const Moments m = e10_moments(make, measure, draws, effort.seed + 1000000 * (v.series.size() + 1));
    Series series{.label = name, .x = {}, .y = {}, .error = {}};
    for (Eigen::Index i = 0; i < 3; ++i) {
      v.add(mean_is(fmt::format("{}, step {}", name, kE10Steps[i]), 1.0, m.means()[i], m.errors()[i], 0.2));
      series.x.push_back(kE10Steps[i]);
      series.y.push_back(m.means()[i]);
      series.error.push_back(kSigmas * m.errors()[i]);
    }
    v.series.push_back(std::move(series));
  };
  const auto central = [](std::uint64_t seed) { return zofo::Central{0.1, 2, seed}; };
  add("none", [&](std::uint64_t seed) { return zofo::variance::None{central(seed)}; });
  add("SVRG", [&](std::uint64_t seed) { return zofo::variance::Svrg{.estimator = central(seed)}; });
  add("SPIDER", [&](std::uint64_t seed) { return zofo::variance::Spider{.estimator = central(seed)}; });
  add("STORM",
      [&](std::uint64_t seed) { return zofo::variance::Storm{.estimator = central(seed), .weight = 0.3}; });
  return v;
}

inline Verdict e10(const Effort& effort) {
  return e10_with([](const zofo::ZoGradient& g) { return zofo::squared_projected_gradient(g); }, effort);
}

}  // namespace theory
