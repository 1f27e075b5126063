// I3: SGD with a constant η and gradient noise σ² settles in a ball of squared radius ∝ η σ²/μ.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "theory/statistics.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/random.hpp"
#include "zofo/inner/sgd.hpp"

namespace theory {

// ½ Σ hᵢ xᵢ² whose gradient carries independent normal noise of deviation σ.
struct NoisyBowl {
  Eigen::VectorXd curvature = Eigen::Vector4d{1.0, 1.2, 1.5, 2.0};
  double sigma = 0.3;
  std::uint64_t seed = 0;
  std::uint32_t chain = 0, calls = 0;
  double value_and_gradient(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    Eigen::Vector4d noise;
    zofo::normals({seed, calls++, chain}, 0, 0, noise.data(), 4);
    gradient = curvature.cwiseProduct(x) + sigma * noise;
    return 0.5 * x.dot(curvature.cwiseProduct(x));
  }
};

// Mean of ‖x‖² over independent chains, each averaged over its second half; e⁻¹⁰ of the start is left then.
template <class Make>
Moments i3_ball(const Make& make, double rate, const Effort& effort) {
  const auto solver = make(rate);
  const auto half = static_cast<std::uint32_t>(std::ceil(10.0 / rate));
  return over_draws(effort.draws(64U, 1024U), 1, [&](std::uint32_t chain, Moments& part) {
    NoisyBowl objective;
    objective.seed = effort.seed + static_cast<std::uint64_t>(1.0 / rate);
    objective.chain = chain;
    typename std::decay_t<decltype(solver)>::template State<Eigen::VectorXd> state;
    Eigen::VectorXd x = Eigen::VectorXd::Zero(4);
    zofo::Memory<Eigen::VectorXd> gradient;
    double sum = 0.0;
    for (std::uint32_t t = 0; t < 2 * half; ++t) {
      zofo::inner::inner_step(solver, objective, x, state, gradient);
      if (t >= half) sum += x.squaredNorm();
    }
    part.add(sum / half);
  });
}

// The stationary variance of x ← (1 − ηh)x − ησn is η σ²/(h(2 − ηh)).
inline double i3_exact(double rate) {
  const NoisyBowl bowl;
  double sum = 0.0;
  for (const double h : bowl.curvature) sum += rate * bowl.sigma * bowl.sigma / (h * (2.0 - rate * h));
  return sum;
}

// `make(η)` is the solver under test.
template <class Make>
Verdict i3_with(const Make& make, const Effort& effort) {
  Verdict v;
  v.id = "I3";
  v.statement = "SGD with a constant rate settles in a ball of squared radius of order rate · sigma²/mu";
  v.figure = {.x_label = "η", .y_label = "E‖s − s*‖²"};
  Series s{.label = "SGD", .x = {0.01, 0.02, 0.04, 0.08, 0.16}, .y = {}, .error = {}, .slope = 1.0};
  Series line{.label = "exact", .x = s.x, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const double rate : s.x) {
    const Moments m = i3_ball(make, rate, effort);
    s.y.push_back(m.mean());
    s.error.push_back(m.error());
    line.y.push_back(i3_exact(rate));
  }
  v.add(slope_is("squared radius against the rate", 1.0, log_log_fit(s.x, s.y, s.error), 0.15));
  for (std::size_t i = 0; i < s.x.size(); ++i)
    v.add(mean_is(fmt::format("squared radius, rate = {:g}", s.x[i]), line.y[i], s.y[i], s.error[i], 0.3));
  v.series = {s, line};
  return v;
}

inline Verdict i3(const Effort& effort) {
  return i3_with([](double rate) { return zofo::inner::Sgd{.rate = rate}; }, effort);
}

}  // namespace theory
