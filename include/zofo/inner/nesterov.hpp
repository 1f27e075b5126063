/// @file Nesterov's accelerated gradient method.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo::inner {

/// Options of Nesterov.
struct NesterovOptions {
  Schedule rate = 0.1;            ///< 1/L
  double strong_convexity = 0.0;  ///< μ; 0 if not known
  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("strong_convexity", strong_convexity, 0.0, 1e12);
    require(rate.largest() * strong_convexity <= 1.0 + 1e-9,
            "strong_convexity = {}: must be at most 1/rate = {}", strong_convexity, 1.0 / rate.largest());
  }
};

/// y = x_k + β (x_k − x_{k−1}), x_{k+1} = y − η ∇g(y) (Nesterov 1983; 2004, §2.2).
///
/// With μ and η = 1/L, β = (√κ − 1)/(√κ + 1) (his scheme (2.2.11)) and
///   g(x_k) − g* ≤ (1 − 1/√κ)^k (g(x_0) − g* + ½ μ ‖x_0 − x*‖²).
/// Without, β = k/(k + 3) and, g being convex, g(x_k) − g* ≤ 2 L ‖x_0 − x*‖²/(k + 1)² (Su, Boyd & Candès
/// 2016, Theorem 6); k counts on from solve to solve, so give a state of its own to each new objective.
struct Nesterov {
  using Options = NesterovOptions;
  template <class P>
  struct State : GradientState<P> {
    std::optional<P> previous;  ///< x_{k−1}
    std::optional<P> ahead;     ///< memory only: y
  };
  Options options;

  /// Weight β of the extrapolation at step k.
  [[nodiscard]] double momentum(std::uint64_t k) const {
    if (options.strong_convexity == 0.0) return static_cast<double>(k) / (static_cast<double>(k) + 3.0);
    const double root = std::sqrt(std::min(1.0, options.rate.at(k) * options.strong_convexity));  // 1/√κ
    return (1.0 - root) / (1.0 + root);
  }

  /// One step; returns value and gradient norm at y. Throws Error, x and state as before, if they are not
  /// finite.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerStep step(Objective& objective, P& x, State<P>& state) const {
    memory_like(x, state.previous);
    scratch_like(x, state.ahead);
    look_ahead(x, state);
    const InnerStep seen = evaluate(objective, *state.ahead, state);
    assign(x, *state.previous);
    assign(*state.ahead, x);
    axpy(-options.rate.at(state.steps), *state.gradient, x);
    ++state.steps;
    return seen;
  }
  /// Steps until the budget ends and reports where (inner_solve).
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerReport solve(Objective& objective, P& x, State<P>& state, InnerBudget budget) const {
    return inner_solve(*this, objective, x, state, budget);
  }

 private:
  template <class P>
  void look_ahead(const P& x, State<P>& state) const {
    assign(x, *state.ahead);
    if (state.steps == 0) return;
    const double beta = momentum(state.steps);
    scale(1.0 + beta, *state.ahead);
    axpy(-beta, *state.previous, *state.ahead);
  }
};

}  // namespace zofo::inner
