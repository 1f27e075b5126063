/// @file Gradient descent.
#pragma once

#include <cstdint>

#include "zofo/core/schedule.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace zofo::inner {

/// x ← x − η ∇g(x). For smooth deterministic objectives with a known smoothness L. The state is the step
/// count.
struct GradientDescent {
  /// η, learning rate, in units of 1/L: 1/L reduces the distance to the minimum by the factor 1 − μ/L per
  /// step (docs/results/theory, I1); above 2/L it diverges. May be a Schedule.
  Schedule rate = 0.1;

  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    /// The members that are saved.
    template <class A>
    void fields(A& archive) {
      archive(steps);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const { rate.check("rate", 0.0, 1e12); }

  /// Updates x by its gradient.
  template <VectorSpace P>
  void update(P& gradient, P& x, State<P>& state) const {
    axpy(-rate.at(state.steps), gradient, x);
    ++state.steps;
  }
};

}  // namespace zofo::inner
