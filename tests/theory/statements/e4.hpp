// E4: q directions averaged, E‖ĝ‖²/‖∇f‖²: (d + q + 1)/q for independent Gaussian ones,
// exactly d/q for orthogonal ones, which at q = d give the gradient itself.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cstdint>
#include <utility>

#include "theory/statements/e3.hpp"
#include "zofo/perturb/orthogonal.hpp"

namespace theory {

// `orthogonal(q)` is the distribution under test. At q = d: ĝ = (1/d) Σ z zᵀ g = g in every sample.
template <class Make, class MakeDistribution>
void e4_orthogonal(Verdict& v, const Make& make, const MakeDistribution& orthogonal, const Effort& effort) {
  const Eigen::VectorXd g = e3_gradient();
  const auto d = static_cast<std::uint32_t>(g.size());
  Series measured{.label = "orthogonal", .x = {}, .y = {}, .error = {}};
  Series predicted{.label = "d/q", .x = {}, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const std::uint32_t q : {1U, 2U, 4U, 8U}) {
    const double expected = static_cast<double>(d) / q;
    const Moments m = second_moment(make(q), orthogonal(q), g, effort.draws(3000U, 60000U));
    v.add(mean_is(fmt::format("orthogonal, q = {}", q), expected, m.mean(), m.error(), 0.2));
    measured.x.push_back(q);
    measured.y.push_back(m.mean());
    measured.error.push_back(kSigmas * m.error());
    predicted.x.push_back(q);
    predicted.y.push_back(expected);
  }
  const auto f = [&g](const Eigen::VectorXd& x) { return zofo::dot(g, x) + 2.0; };
  double worst = 0.0;
  for (std::uint32_t k = 0; k < effort.draws(20U, 200U); ++k) {
    const double error =
        (estimate(make(d), orthogonal(d), f, Eigen::VectorXd::Ones(d).eval(), k) - g).norm() / g.norm();
    worst = error <= worst ? worst : error;  // a NaN is kept
  }
  v.add(at_most("orthogonal, q = d: largest |estimate − gradient| / |gradient|", 1e-10, worst));
  measured.x.push_back(d);
  measured.y.push_back(1.0);
  measured.error.push_back(0.0);
  predicted.x.push_back(d);
  predicted.y.push_back(1.0);
  v.series.push_back(std::move(measured));
  v.series.push_back(std::move(predicted));
}

// `make(q)` is the estimator under test.
template <class Make, class Distribution>
Verdict e4_with(const Make& make, const Distribution& distribution, const Effort& effort) {
  Verdict v;
  v.id = "E4";
  v.statement = "q Gaussian directions averaged: (d+q+1)/q; q orthogonal ones: d/q, exact at q = d";
  v.figure = {.x_label = "q", .y_label = "E‖ĝ‖²/‖∇f‖²"};
  const Eigen::VectorXd g = e3_gradient();
  const auto d = static_cast<double>(g.size());
  Series measured{.label = "independent", .x = {}, .y = {}, .error = {}};
  Series predicted{.label = "(d+q+1)/q", .x = {}, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const std::uint32_t q : {1U, 2U, 4U, 8U, 16U}) {
    const double expected = (d + q + 1) / q;
    const Moments m = second_moment(make(q), distribution, g, effort.draws(20000U, 400000U));
    v.add(mean_is(fmt::format("q = {}", q), expected, m.mean(), m.error(), 0.15));
    measured.x.push_back(q);
    measured.y.push_back(m.mean());
    measured.error.push_back(kSigmas * m.error());
    predicted.x.push_back(q);
    predicted.y.push_back(expected);
  }
  v.series = {measured, predicted};
  return v;
}

inline Verdict e4(const Effort& effort) {
  const auto make = [&](std::uint32_t q) { return zofo::Central{0.1, q, effort.seed}; };
  Verdict v = e4_with(make, zofo::Gaussian{}, effort);
  e4_orthogonal(v, make, [](std::uint32_t q) { return zofo::Orthogonal{q}; }, effort);
  return v;
}

}  // namespace theory
