/// @file The minimum in one step, where it is known in closed form.
#pragma once

#include <cmath>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace zofo::inner {

/// x ← argmin g: the limit of infinitely many inner steps, which P1 to P3 assume (docs/results/theory, P1).
/// For analytic problems, and as the reference for other inner optimizers.
struct Exact {
  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken
    /// The members that are saved.
    template <class A>
    void fields(A& archive) {
      archive(steps);
    }
  };

  /// Sets x to the result of `minimiser(out)`, which is written to the gradient's memory first. Throws Error,
  /// without a change of x and state, when it has another size than x or is not finite.
  template <VectorSpace P, class Minimiser>
  void update(P& gradient, P& x, State<P>& state, const Minimiser& minimiser) const {
    P& minimum = gradient;
    assign(x, minimum);
    minimiser(minimum);
    require(same_size(x, minimum), "inner::Exact, step {}: the minimiser has another size than x",
            state.steps);
    const double length = norm(minimum);
    require(std::isfinite(length), "inner::Exact, step {}: the minimiser's norm is {}: must be finite",
            state.steps, length);
    assign(minimum, x);
    ++state.steps;
  }
};

}  // namespace zofo::inner
