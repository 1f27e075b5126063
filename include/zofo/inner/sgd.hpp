/// @file Stochastic gradient descent.
#pragma once

#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/clip.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace zofo::inner {

/// v ← βv + ∇g(x), x ← x − η v (Robbins & Monro 1951; momentum: Polyak 1964), with decoupled weight decay and
/// clipping by the global norm.
struct Sgd {
  /// η, learning rate. With noisy gradients x settles in a ball of squared radius ∝ η (docs/results/theory,
  /// I3): lower it for a more accurate x. May be a Schedule.
  Schedule rate = 0.01;
  /// β, weight of the previous velocity in [0, 1). 0.9 if curvatures differ much; the steps add up to rate/(1
  /// − β).
  double momentum = 0.0;
  /// Decoupled weight decay: x shrinks by the factor 1 − rate · weight_decay per step. Set it against
  /// overfitting.
  double weight_decay = 0.0;
  /// Largest Euclidean norm of the gradient; 0: no limit. Set it if single mini-batches have huge gradients.
  double clip = 0.0;

  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    Memory<P> velocity;       ///< v; empty before the first step with momentum
    /// The members that are saved.
    template <class A>
    void fields(A& archive) {
      archive(steps, velocity);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("momentum", momentum, 0.0, 0.999999);
    require_in("weight_decay", weight_decay, 0.0, 1e6);
    require_in("clip", clip, 0.0, 1e30);
  }

  /// Updates x by its gradient, which is clipped in place. Throws Error when the state belongs to an x of
  /// another size.
  template <VectorSpace P>
  void update(P& gradient, P& x, State<P>& state) const {
    P* velocity = momentum != 0.0 ? &memory_like(x, state.velocity) : nullptr;
    clip_norm(clip, gradient);
    const double step = rate.at(state.steps);
    scale(1.0 - step * weight_decay, x);
    if (velocity == nullptr) {
      axpy(-step, gradient, x);
    } else {
      scale(momentum, *velocity);
      axpy(1.0, gradient, *velocity);
      axpy(-step, *velocity, x);
    }
    ++state.steps;
  }
};

}  // namespace zofo::inner
