/// @file Zeroth-order gradient descent.
#pragma once

#include "zofo/core/error.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// Options of Sgd.
struct SgdOptions {
  double rate = 1e-6;
  /// Throws Error naming the field out of range.
  void check() const { require_in("rate", rate, 0.0, 1e12); }
};

/// θ ← θ − η ĝ, one fused pass over the weights a term; no memory beside θ.
struct Sgd {
  using Options = SgdOptions;
  template <class Theta>
  struct State {};
  Options options;

  /// Moves θ.
  template <class Theta, Perturbation<Theta> Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& /*state*/) const {
    for (const ZoTerm& term : gradient.terms) {
      const double step = -options.rate * term.coefficient;
      if (step != 0.0) law.add(theta, term.direction, step);
    }
  }
};

}  // namespace zofo::outer
