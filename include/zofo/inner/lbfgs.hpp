/// @file Limited-memory BFGS.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace zofo::inner {

/// x ← x − η H ∇g(x), where H approximates the inverse Hessian from the last pairs s = x_k − x_{k−1},
/// y = ∇g(x_k) − ∇g(x_{k−1}): the two-loop recursion (Nocedal 1980) from γ I, γ = sᵀy/yᵀy of the newest pair
/// (Liu & Nocedal 1989, §3; Nocedal & Wright 2006, Algorithm 7.4).
///
/// An optimizer has only gradients, so there is no line search. Instead, steps before the first pair are
/// gradient descent at `first_rate`; a pair is used only if its curvature is clearly positive, so that H is
/// always positive definite and every step is along a descent direction; and no step is longer than
/// `max_step_norm`.
///
/// For smooth deterministic objectives of large κ, where it needs far fewer steps than GradientDescent. The
/// pairs mix gradients of successive steps: if the objective changes between them (another mini-batch, a
/// large update of θ), y contains that change too. Use Sgd or Adam then, or a new state for each objective.
struct Lbfgs {
  /// η, a factor without unit; 1 is the quasi-Newton step. Lower it if g is far from quadratic. May be a
  /// Schedule.
  Schedule rate = 1.0;
  /// Number of pairs, in [1, 1000]; each is 2 vectors of x's size. Raise it if κ is large.
  std::uint32_t memory = 10;
  /// Learning rate until there is a pair: at most 1/L.
  double first_rate = 1e-2;
  /// Largest Euclidean norm of a step, in x's units; 0: no limit. Raise it if the minimum is far from the
  /// start.
  double max_step_norm = 1.0;
  /// Pairs with sᵀy ≤ min_curvature · ‖s‖ ‖y‖ are skipped, in [0, 1]. Raise it if gradients are noisy.
  double min_curvature = 1e-8;

  /// A step of x and the change of the gradient along it.
  template <class P>
  struct Pair {
    Memory<P> step;          ///< s
    Memory<P> change;        ///< y
    double curvature = 0.0;  ///< sᵀy; 0 if the pair is empty
    double scale = 0.0;      ///< sᵀy/yᵀy
    /// The members that are saved.
    template <class A>
    void fields(A& archive) {
      archive(step, change, curvature, scale);
    }
  };

  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;           ///< steps taken: the k of schedules
    std::vector<Pair<P>> pairs;        ///< a ring buffer; the last may be empty
    std::uint64_t next = 0;            ///< index of the pair that is overwritten next
    Memory<P> previous;                ///< x_{k−1}; empty before the first step
    Memory<P> previous_gradient;       ///< ∇g(x_{k−1})
    std::vector<double> coefficients;  ///< scratch memory of the recursion
    /// The members that are saved.
    template <class A>
    void fields(A& archive) {
      archive(steps, pairs, next, previous, previous_gradient);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require(memory >= 1 && memory <= 1000, "memory = {}: must be in [1, 1000]", memory);
    require_in("first_rate", first_rate, 0.0, 1e12);
    require_in("max_step_norm", max_step_norm, 0.0, 1e300);
    require_in("min_curvature", min_curvature, 0.0, 1.0);
  }

  /// Updates x by its gradient, which is overwritten by the step's direction. Throws Error when the state
  /// belongs to an x of another size, or has more pairs than `memory`.
  template <VectorSpace P>
  void update(P& gradient, P& x, State<P>& state) const {
    reserve(x, state);
    if (state.steps > 0) learn(gradient, x, state);
    assign(x, *state.previous);
    assign(gradient, *state.previous_gradient);
    const double step = precondition(gradient, state) ? rate.at(state.steps) : first_rate;
    axpy(-shortened(step, gradient), gradient, x);
    ++state.steps;
  }

  /// v ← H v, by the pairs in the state. Returns false, without a change of v, when there is no pair.
  template <VectorSpace P>
  bool precondition(P& v, State<P>& state) const {
    const std::size_t n = kept(state);
    if (n == 0) return false;
    const std::size_t newest = static_cast<std::size_t>(state.next) + n - 1;
    const auto aged = [&](std::size_t age) -> const Pair<P>& { return state.pairs[(newest - age) % n]; };
    state.coefficients.resize(n);
    for (std::size_t age = 0; age < n; ++age) {
      const Pair<P>& pair = aged(age);
      state.coefficients[age] = dot(*pair.step, v) / pair.curvature;
      axpy(-state.coefficients[age], *pair.change, v);
    }
    scale(aged(0).scale, v);
    for (std::size_t age = n; age-- > 0;) {
      const Pair<P>& pair = aged(age);
      axpy(state.coefficients[age] - dot(*pair.change, v) / pair.curvature, *pair.step, v);
    }
    return true;
  }

  /// Number of pairs in the state.
  template <class P>
  [[nodiscard]] static std::size_t kept(const State<P>& state) {
    const bool last_is_empty = !state.pairs.empty() && state.pairs.back().curvature == 0.0;
    return state.pairs.size() - (last_is_empty ? 1 : 0);
  }

 private:
  // Allocates all memory of the next step, so that nothing has changed if an allocation fails.
  template <class P>
  void reserve(const P& x, State<P>& state) const {
    require(state.pairs.size() <= memory,
            "inner::Lbfgs: memory = {}: the state has {} pairs, must be as many", memory, state.pairs.size());
    check_ring(x, state);
    memory_like(x, state.previous);
    memory_like(x, state.previous_gradient);
    state.coefficients.reserve(memory);
    state.pairs.reserve(memory);
    if (state.steps == 0 || state.next < state.pairs.size()) return;
    if (state.pairs.size() == memory) {
      state.next = 0;
    } else {
      Pair<P>& pair = state.pairs.emplace_back();
      memory_like(x, pair.step);
      memory_like(x, pair.change);
    }
  }

  // Throws Error if the pairs of a saved state do not fit x.
  template <class P>
  static void check_ring(const P& x, const State<P>& state) {
    bool whole = state.next <= state.pairs.size();
    for (const Pair<P>& pair : state.pairs)
      whole = whole && pair.step && pair.change && same_size(x, *pair.step) && same_size(x, *pair.change);
    require(whole, "inner::Lbfgs: the state is of an x of another size, or damaged");
  }

  // Computes s and y from the previous point and gradient; they become a pair if their curvature is clearly
  // positive.
  template <class P>
  void learn(const P& gradient, const P& x, State<P>& state) const {
    P& s = *state.previous;
    P& y = *state.previous_gradient;
    scale(-1.0, s);
    axpy(1.0, x, s);
    scale(-1.0, y);
    axpy(1.0, gradient, y);
    const double curvature = dot(s, y), squared = dot(y, y);
    if (!std::isnormal(curvature) || !std::isnormal(squared)) return;
    if (curvature <= min_curvature * norm(s) * std::sqrt(squared)) return;
    Pair<P>& pair = state.pairs[static_cast<std::size_t>(state.next++)];
    assign(s, *pair.step);
    assign(y, *pair.change);
    pair.curvature = curvature;
    pair.scale = curvature / squared;
  }

  // `step`, or the factor with which step · direction is as long as the limit.
  template <class P>
  [[nodiscard]] double shortened(double step, const P& direction) const {
    if (max_step_norm <= 0.0) return step;
    const double length = norm(direction);
    return step * length > max_step_norm ? max_step_norm / length : step;
  }
};

}  // namespace zofo::inner
