/// @file Updates of at most a given length.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>

#include "zofo/core/error.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/perturb/mean_square_length.hpp"

namespace zofo::outer {

/// An optimiser with `linear` = true: an estimate ĝ adds −`rate` at step `state.steps` times ĝ to θ's update
/// (to the velocity, where it has one).
template <class Outer, class Theta>
concept LinearOptimizer = requires(const Outer& outer, typename Outer::template State<Theta>& state) {
  requires Outer::linear;
  { outer.rate.at(state.steps) } -> std::convertible_to<double>;
};

/// Passes to `outer` the estimate ĝ = Σ cᵢzᵢ, of different directions, times min(1, longest/ℓ), with
/// ℓ = η √(E‖z‖² Σ cᵢ²), the root mean square of ‖ηĝ‖ over independent directions.
///
/// The bound is on ℓ, the root mean square length that one estimate adds to θ's update. The length of a
/// single step of Sgd varies around it, for q Gaussian directions of d coordinates by about √(q/d) of it;
/// Momentum's steps are at most longest/(1 − β). The distance of θ from its start is not bounded. This is
/// gradient clipping (Pascanu, Mikolov & Bengio 2013) by a length that needs no pass over θ.
template <class Outer>
struct StepClipping {
  /// What survives between steps.
  template <class Theta>
  struct State {
    typename Outer::template State<Theta> own;  ///< the state of `outer`
    ZoGradient shortened;                       ///< scratch memory
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(own);
    }
  };
  Outer outer;  ///< the optimiser, such as Sgd or Momentum
  /// Largest ℓ, in θ's units. Set it to a few times the usual length of an update, so that only outliers are
  /// shortened.
  double longest = 0.1;

  /// Throws Error naming the field out of range.
  void check() const {
    check_policy(outer);
    require(std::isfinite(longest) && longest > 0.0, "longest = {}: must be finite and above 0", longest);
  }
  /// Throws what `outer` throws, and Error when a coefficient is not finite.
  template <class Theta, Perturbation<Theta> D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const
    requires ChecksUpdate<Outer, Theta, D>
  {
    check_estimate(state.own.steps, gradient);
    outer.check_update(theta, perturbation, gradient, state.own);  // shortening makes no coefficient infinite
  }
  /// Updates θ. Throws what `outer` throws, and Error when a coefficient is not finite; θ and the state are
  /// unchanged then.
  template <class Theta, Perturbation<Theta> D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(
        LinearOptimizer<Outer, Theta>,
        "zofo: outer::StepClipping needs an Outer with linear = true, rate and state.steps (concept "
        "LinearOptimizer)");
    check_estimate(state.own.steps, gradient);
    const double length = outer.rate.at(state.own.steps) *
                          std::sqrt(mean_square_length(perturbation, theta)) * coefficients_length(gradient);
    // Not `length <= longest`: a rate of 0 times an infinite length is NaN.
    if (!(length > longest)) return outer.apply(theta, perturbation, gradient, state.own);
    state.shortened = gradient;
    for (ZoTerm& term : state.shortened.terms) term.coefficient *= longest / length;
    outer.apply(theta, perturbation, state.shortened, state.own);
  }

 private:
  // √Σ c², divided by the largest |c| first: the squares may leave a double's range.
  static double coefficients_length(const ZoGradient& gradient) {
    double largest = 0.0, sum = 0.0;
    for (const ZoTerm& term : gradient.terms) largest = std::max(largest, std::abs(term.coefficient));
    if (largest == 0.0) return 0.0;
    for (const ZoTerm& term : gradient.terms)
      sum += (term.coefficient / largest) * (term.coefficient / largest);
    return largest * std::sqrt(sum);
  }
};

template <class Outer>
StepClipping(Outer, double) -> StepClipping<Outer>;

}  // namespace zofo::outer
