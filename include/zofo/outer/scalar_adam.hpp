/// @file Steps scaled by one second moment for all of θ.
#pragma once

#include <cmath>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// Options of ScalarAdam.
struct ScalarAdamOptions {
  Schedule rate = 1e-6;  ///< in θ's units: a step is about `rate` along each direction
  double beta2 = 0.999;  ///< weight of the previous second moment
  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("beta2", beta2, 0.0, 0.9999999);
  }
};

/// θ ← θ − η ĝ/√v̂, where v is the moving average of ρ², the squared projected gradient averaged over the
/// queries, and v̂ = v/(1 − β₂^t) takes out its start at 0.
///
/// The adaptive norm of Ward, Wu & Bottou (2019) with Adam's average in the place of their sum. θ's path does
/// not change when f is multiplied by a positive number; there is no memory beside θ but v.
struct ScalarAdam {
  using Options = ScalarAdamOptions;
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    double second = 0.0;      ///< v
  };
  Options options;

  /// Moves θ. Throws Error, nothing changed, when a coefficient or its square is not finite.
  template <class Theta, Perturbation<Theta> Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    check_estimate(state.steps, gradient);
    const double square = mean_square(gradient);
    require(std::isfinite(square), "outer step {}: the estimate's mean square is {}: must be finite",
            state.steps, square);
    const double second = options.beta2 * state.second + (1.0 - options.beta2) * square;
    const double unbiased = second / (1.0 - std::pow(options.beta2, static_cast<double>(state.steps) + 1.0));
    // 0 only while every coefficient was: there is no direction to go then.
    const double rate = unbiased > 0.0 ? options.rate.at(state.steps) / std::sqrt(unbiased) : 0.0;
    for (const ZoTerm& term : gradient.terms) {
      const double step = -rate * term.coefficient;
      if (step != 0.0) law.add(theta, term.direction, step);
    }
    state.second = second;
    ++state.steps;
  }

 private:
  // Coefficients are ρ/q, so the mean of ρ² is q Σ c².
  static double mean_square(const ZoGradient& gradient) {
    double sum = 0.0;
    for (const ZoTerm& term : gradient.terms) sum += term.coefficient * term.coefficient;
    return sum * static_cast<double>(gradient.terms.size());
  }
};

}  // namespace zofo::outer
