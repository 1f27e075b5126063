/// @file Steps of at most a given length.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/perturb/mean_square_length.hpp"

namespace zofo::outer {

/// An optimiser whose steps are linear in the estimates, which its `linear` says: an estimate ĝ adds
/// −`options.rate` at step `state.steps` times ĝ to θ's way (to the velocity, where it has one).
template <class Outer, class Theta>
concept LinearOptimizer = requires(const Outer& outer, typename Outer::template State<Theta>& state) {
  requires Outer::linear;
  { outer.options.rate.at(state.steps) } -> std::convertible_to<double>;
};

/// Options of TrustRegion.
template <class Outer>
struct TrustRegionOptions {
  Outer outer;
  double longest = 0.1;  ///< in θ's units
  /// Throws Error naming the field out of range.
  void check() const {
    outer.options.check();
    require(std::isfinite(longest) && longest > 0.0, "longest = {}: must be finite and above 0", longest);
  }
};

/// Hands `outer` the estimate ĝ = Σ cᵢzᵢ, of different directions, times min(1, longest/ℓ) with
/// ℓ = η √(E‖z‖² Σ cᵢ²), the root mean square of ‖ηĝ‖ over independent directions.
///
/// What is bounded is ℓ, the length that one estimate adds to θ's way, in the mean over directions: a step of
/// Sgd is longer or shorter by chance, for q Gaussian directions of d coordinates by about √(q/d) of it, and
/// Momentum's steps are at most longest/(1 − β). Nothing bounds how far θ gets in many steps. The idea is
/// that of clipping a gradient (Pascanu, Mikolov & Bengio 2013), on a length that needs no pass over θ.
template <class Outer>
struct TrustRegion {
  using Options = TrustRegionOptions<Outer>;
  template <class Theta>
  struct State {
    typename Outer::template State<Theta> own;
    ZoGradient shortened;  ///< kept for its memory
  };
  Options options;

  TrustRegion(Outer outer, double longest) : options{std::move(outer), longest} {}

  /// Moves θ. Throws what `outer` throws, and Error, nothing changed, when a coefficient is not finite.
  template <class Theta, Perturbation<Theta> Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(LinearOptimizer<Outer, Theta>,
                  "zofo: outer::TrustRegion needs an Outer with linear = true, options.rate and state.steps "
                  "(concept LinearOptimizer)");
    check_estimate(state.own.steps, gradient);
    const double length = options.outer.options.rate.at(state.own.steps) *
                          std::sqrt(mean_square_length(law, theta)) * coefficients_length(gradient);
    if (length <= options.longest) return options.outer.apply(theta, law, gradient, state.own);
    state.shortened.terms = gradient.terms;
    for (ZoTerm& term : state.shortened.terms) term.coefficient *= options.longest / length;
    options.outer.apply(theta, law, state.shortened, state.own);
  }

 private:
  // √Σ c², by the largest of them: their squares may leave a double's range.
  static double coefficients_length(const ZoGradient& gradient) {
    double largest = 0.0, sum = 0.0;
    for (const ZoTerm& term : gradient.terms) largest = std::max(largest, std::abs(term.coefficient));
    if (largest == 0.0) return 0.0;
    for (const ZoTerm& term : gradient.terms)
      sum += (term.coefficient / largest) * (term.coefficient / largest);
    return largest * std::sqrt(sum);
  }
};

}  // namespace zofo::outer
