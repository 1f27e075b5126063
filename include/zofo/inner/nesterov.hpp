/// @file Nesterov's accelerated gradient method.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace zofo::inner {

/// y = x_k + β (x_k − x_{k−1}), x_{k+1} = y − η ∇g(y) (Nesterov 1983; 2004, §2.2).
///
/// With μ and η = 1/L, β = (√κ − 1)/(√κ + 1) (his scheme (2.2.11)) and
///   g(x_k) − g* ≤ (1 − 1/√κ)^k (g(x_0) − g* + ½ μ ‖x_0 − x*‖²).
/// Without μ, β = k/(k + 3) and, if g is convex, g(x_k) − g* ≤ 2 L ‖x_0 − x*‖²/(k + 1)² (Su, Boyd & Candès
/// 2016, Theorem 6); k is not reset between solves, so give each new objective its own state.
/// For smooth, nearly deterministic objectives of large κ.
struct Nesterov {
  /// η, learning rate: 1/L. Lower it if the objective grows. May be a Schedule.
  Schedule rate = 0.1;
  /// μ, the least curvature of g, at most 1/rate; 0 if it is not known or g is only convex.
  double strong_convexity = 0.0;

  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules and of β
    Memory<P> previous;       ///< x_{k−1}; empty before the first step
    Memory<P> ahead;          ///< scratch memory: y, from `point` to `update`
    /// The members that are saved.
    template <class A>
    void fields(A& archive) {
      archive(steps, previous);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("strong_convexity", strong_convexity, 0.0, 1e12);
    require(rate.largest() * strong_convexity <= 1.0 + 1e-9,
            "strong_convexity = {}: must be at most 1/rate = {}", strong_convexity, 1.0 / rate.largest());
  }

  /// Weight β of the extrapolation at step k.
  [[nodiscard]] double momentum(std::uint64_t k) const {
    if (strong_convexity == 0.0) return static_cast<double>(k) / (static_cast<double>(k) + 3.0);
    const double root = std::sqrt(std::min(1.0, rate.at(k) * strong_convexity));  // 1/√κ
    return (1.0 - root) / (1.0 + root);
  }

  /// y, the point of the gradient of the next update; x itself before the first step. Throws Error when the
  /// state belongs to an x of another size.
  template <VectorSpace P>
  const P& point(const P& x, State<P>& state) const {
    if (state.steps == 0) return x;
    const P& previous = memory_like(x, state.previous);
    P& ahead = scratch_like(x, state.ahead);
    const double beta = momentum(state.steps);
    assign(x, ahead);
    scale(1.0 + beta, ahead);
    axpy(-beta, previous, ahead);
    return ahead;
  }

  /// x ← y − η · gradient; `point(x, state)` must have been called for this x. Throws Error when it
  /// was not, or when the state belongs to an x of another size.
  template <VectorSpace P>
  void update(P& gradient, P& x, State<P>& state) const {
    require(state.steps == 0 || static_cast<bool>(state.ahead),
            "inner::Nesterov: call point(x, state), where the gradient is taken, before update");
    P& previous = memory_like(x, state.previous);
    assign(x, previous);
    if (state.steps > 0) assign(*state.ahead, x);
    axpy(-rate.at(state.steps), gradient, x);
    ++state.steps;
  }
};

}  // namespace zofo::inner
