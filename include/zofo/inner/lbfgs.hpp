/// @file Limited-memory BFGS.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
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
/// An optimizer sees gradients only, so there is no line search; what replaces it: steps before the first
/// pair are gradient descent at `first_rate`, a pair enters only if its curvature is clearly positive (so H
/// is always positive definite and every step a descent direction), and no step is longer than
/// `max_step_norm`.
///
/// For smooth deterministic objectives of large κ, where it needs far fewer steps than GradientDescent. The
/// pairs mix gradients of successive steps: where the objective changes between them (another mini-batch, a θ
/// that moved far) y measures that change too; use Sgd or Adam there, or a new state for each objective.
struct Lbfgs {
  Schedule rate = 1.0;         ///< η; 1 is the quasi-Newton step, lower it where g is far from quadratic
  std::uint32_t memory = 10;   ///< pairs kept, 2 vectors of x's size each; more help where κ is large
  double first_rate = 1e-2;    ///< step per gradient until there is a pair: 1/L, or smaller
  double max_step_norm = 1.0;  ///< longest move of x in a step, 0 for no limit; raise it for a far x*
  double min_curvature = 1e-8;  ///< pairs with sᵀy ≤ min_curvature · ‖s‖ ‖y‖ are skipped; raise for noise

  /// A step of x and the change of the gradient along it.
  template <class P>
  struct Pair {
    Memory<P> step;          ///< s
    Memory<P> change;        ///< y
    double curvature = 0.0;  ///< sᵀy
    double scale = 0.0;      ///< sᵀy/yᵀy
    /// What must be saved to go on later.
    template <class A>
    void fields(A& archive) {
      archive(step, change, curvature, scale);
    }
  };

  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;           ///< steps taken: the k of schedules
    std::vector<Pair<P>> pairs;        ///< at most `memory`, the oldest first
    Memory<P> previous;                ///< x_{k−1}; empty before the first step
    Memory<P> previous_gradient;       ///< ∇g(x_{k−1})
    Pair<P> spare;                     ///< scratch: memory of the next pair, while there are few
    std::vector<double> coefficients;  ///< scratch of the recursion
    /// What must be saved to go on later.
    template <class A>
    void fields(A& archive) {
      archive(steps, pairs, previous, previous_gradient);
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

  /// Moves x by its gradient, which is overwritten by the step's direction. Throws Error when the state
  /// belongs to an x of another size.
  template <VectorSpace P>
  void update(P& gradient, P& x, State<P>& state) const {
    take_memory(x, state);
    if (state.steps > 0) learn(gradient, x, state);
    assign(x, *state.previous);
    assign(gradient, *state.previous_gradient);
    const double step = precondition(gradient, state) ? rate.at(state.steps) : first_rate;
    axpy(-shortened(step, gradient), gradient, x);
    ++state.steps;
  }

  /// v ← H v, by the pairs in the state. Returns false, v as it was, when there is none.
  template <VectorSpace P>
  bool precondition(P& v, State<P>& state) const {
    const std::vector<Pair<P>>& pairs = state.pairs;
    if (pairs.empty()) return false;
    state.coefficients.resize(pairs.size());
    for (std::size_t i = pairs.size(); i-- > 0;) {
      const double a = dot(*pairs[i].step, v) / pairs[i].curvature;
      state.coefficients[i] = a;
      axpy(-a, *pairs[i].change, v);
    }
    scale(pairs.back().scale, v);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const double b = dot(*pairs[i].change, v) / pairs[i].curvature;
      axpy(state.coefficients[i] - b, *pairs[i].step, v);
    }
    return true;
  }

 private:
  // All memory of the coming step, so that nothing has changed when there is not enough of it.
  template <class P>
  void take_memory(const P& x, State<P>& state) const {
    memory_like(x, state.previous);
    memory_like(x, state.previous_gradient);
    state.coefficients.reserve(memory);
    state.pairs.reserve(memory);
    if (state.steps > 0 && state.pairs.size() < memory) {
      scratch_like(x, state.spare.step);
      scratch_like(x, state.spare.change);
    }
  }

  // Turns the memory of the previous step into s and y, and keeps them if their curvature is clearly
  // positive. The memory that they replace becomes that of the previous step.
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
    Pair<P>& pair = slot(state);
    std::swap(pair.step, state.previous);
    std::swap(pair.change, state.previous_gradient);
    pair.curvature = curvature;
    pair.scale = curvature / squared;
  }

  // The last of the pairs, to be overwritten: a new one, or the oldest's memory where there are enough.
  template <class P>
  Pair<P>& slot(State<P>& state) const {
    std::vector<Pair<P>>& pairs = state.pairs;
    if (pairs.size() < memory) {
      pairs.push_back(std::exchange(state.spare, {}));
    } else {
      const auto first_kept = pairs.end() - static_cast<std::ptrdiff_t>(memory);
      pairs.erase(pairs.begin(), first_kept);  // the state may be that of a larger memory
      std::rotate(pairs.begin(), pairs.begin() + 1, pairs.end());
    }
    return pairs.back();
  }

  // `step`, or what makes step · direction as long as the limit.
  template <class P>
  [[nodiscard]] double shortened(double step, const P& direction) const {
    if (max_step_norm <= 0.0) return step;
    const double length = norm(direction);
    return step * length > max_step_norm ? max_step_norm / length : step;
  }
};

}  // namespace zofo::inner
