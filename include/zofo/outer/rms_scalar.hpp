/// @file Steps scaled by one second moment for all of θ.
#pragma once

#include <cmath>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// θ ← θ − η ĝ/√v̂, where v is the moving average of ρ² = q Σ c², the squared projected gradient averaged over
/// the directions (ZoGradient::queries is q), and v̂ = v/(1 − β₂^t) corrects the bias of its start at 0.
///
/// RMSProp with one number for all of θ: the adaptive norm of Ward, Wu & Bottou (2019) with a moving average
/// instead of their sum. θ's trajectory does not depend on a positive factor of f. The state is one number. A
/// step is about η √(d/q) long.
struct RmsScalar {
  /// What survives between steps.
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    double second = 0.0;      ///< v
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(steps, second);
    }
  };
  /// η, learning rate, in θ's units: with one query a step is about η · z. It does not depend on the scale of
  /// the loss. May be a Schedule.
  Schedule rate = 1e-6;
  /// β₂, decay of v: over about 1/(1 − β₂) steps. Lower it if the gradient's size changes fast.
  double beta2 = 0.999;

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("beta2", beta2, 0.0, 0.9999999);
  }
  /// Throws Error when a coefficient or ρ² is not finite, the estimate does not give its number of queries,
  /// or the perturbation lacks a direction on θ's shape.
  template <class Theta, Perturbation<Theta> D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    check_estimate(state.steps, perturbation, theta, gradient);
    require(gradient.terms.empty() || gradient.queries > 0.0,
            "outer step {}: the estimate's number of queries is {}: must be above 0", state.steps,
            gradient.queries);
    const double square = squared_projected_gradient(gradient);
    require(std::isfinite(square), "outer step {}: the estimate's mean square is {}: must be finite",
            state.steps, square);
  }
  /// Updates θ. Throws Error as check_update does; θ and the state are unchanged then.
  template <class Theta, Perturbation<Theta> D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    check_update(theta, perturbation, gradient, state);
    const double square = squared_projected_gradient(gradient);
    const double second = beta2 * state.second + (1.0 - beta2) * square;
    const double unbiased = second / (1.0 - std::pow(beta2, static_cast<double>(state.steps) + 1.0));
    // 0 only while every coefficient was 0: then θ does not change.
    const double rate_now = unbiased > 0.0 ? rate.at(state.steps) / std::sqrt(unbiased) : 0.0;
    for (const ZoTerm& term : gradient.terms) {
      const double step = -rate_now * term.coefficient;
      if (step != 0.0) perturbation.add(theta, term.direction, step);
    }
    state.second = second;
    ++state.steps;
  }
};

}  // namespace zofo::outer
