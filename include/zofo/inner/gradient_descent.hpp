/// @file Gradient descent.
#pragma once

#include <cstdint>

#include "zofo/core/schedule.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace zofo::inner {

/// x ← x − η ∇g(x). For smooth deterministic objectives whose L is known; no state but the step count.
struct GradientDescent {
  Schedule rate = 0.1;  ///< η; 1/L contracts by 1 − μ/L a step (THEORY.md I1), above 2/L it diverges

  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    /// What must be saved to continue later.
    template <class A>
    void fields(A& archive) {
      archive(steps);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const { rate.check("rate", 0.0, 1e12); }

  /// Moves x by its gradient.
  template <VectorSpace P>
  void update(P& gradient, P& x, State<P>& state) const {
    axpy(-rate.at(state.steps), gradient, x);
    ++state.steps;
  }
};

}  // namespace zofo::inner
