/// @file Adam with decoupled weight decay.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <type_traits>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/clip.hpp"
#include "zofo/inner/inner_solver.hpp"

namespace zofo::inner {

/// Options of Adam.
struct AdamOptions {
  Schedule rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;  ///< decoupled: x shrinks by rate · weight_decay a step
  double clip = 0.0;          ///< longest gradient, 0 for no limit
  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("beta1", beta1, 0.0, 0.9999999);
    require_in("beta2", beta2, 0.0, 0.9999999);
    require_in("epsilon", epsilon, 0.0, 1.0);
    require_in("weight_decay", weight_decay, 0.0, 1e6);
    require_in("clip", clip, 0.0, 1e30);
  }
};

/// The numbers of one step of Adam.
struct AdamNumbers {
  double beta1, beta2, epsilon;
  double rate;   ///< divided by 1 − β₁ᵗ
  double bias2;  ///< 1 / (1 − β₂ᵗ)
  double keep;   ///< 1 − rate · weight_decay
};

/// x whose coordinates lie elsewhere and that takes a step of Adam by itself: `adam_move(numbers, gradient,
/// first, second, x)`.
template <class P>
concept MovesByAdam = requires(const AdamNumbers& numbers, const P& gradient, P& x) {
  adam_move(numbers, gradient, x, x, x);
};

/// Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019) and clipping by the global
/// norm.
struct Adam {
  using Options = AdamOptions;
  template <class P>
  struct State : GradientState<P> {
    std::optional<P> first;   ///< mean of gradients; empty before the first step
    std::optional<P> second;  ///< mean of their squares
  };
  Options options;

  /// One step; returns value and gradient norm before it. Throws Error, x and state as before, if they are
  /// not finite.
  template <VectorSpace P, InnerObjective<P> Objective>
  InnerStep step(Objective& objective, P& x, State<P>& state) const {
    static_assert(HasCoordinates<P> || MovesByAdam<P>,
                  "zofo: inner::Adam needs coordinates(x) with size() and [i] (concept HasCoordinates)");
    const InnerStep seen = evaluate(objective, x, state);
    memory_like(x, state.first);
    memory_like(x, state.second);
    clip_norm(options.clip, seen.gradient_norm, *state.gradient);
    move(x, state);
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
  void move(P& x, State<P>& state) const {
    const double t = static_cast<double>(state.steps) + 1.0, rate = options.rate.at(state.steps);
    const AdamNumbers numbers{options.beta1,
                              options.beta2,
                              options.epsilon,
                              rate / (1.0 - std::pow(options.beta1, t)),
                              1.0 / (1.0 - std::pow(options.beta2, t)),
                              1.0 - rate * options.weight_decay};
    if constexpr (MovesByAdam<P>)
      adam_move(numbers, *state.gradient, *state.first, *state.second, x);
    else
      move_coordinates(numbers, x, state);
  }
  template <class P>
  static void move_coordinates(const AdamNumbers& numbers, P& x, State<P>& state) {
    const auto g = coordinates(*state.gradient);
    const auto value = coordinates(x);
    const auto m = coordinates(*state.first);
    const auto v = coordinates(*state.second);
    using Scalar = std::remove_cvref_t<decltype(v[0])>;
    const auto as_scalar = [](double number) { return static_cast<Scalar>(number); };
    const Scalar b1 = as_scalar(numbers.beta1), b2 = as_scalar(numbers.beta2),
                 eps = as_scalar(numbers.epsilon);
    const Scalar rate = as_scalar(numbers.rate), bias2 = as_scalar(numbers.bias2),
                 keep = as_scalar(numbers.keep);
    for (std::size_t i = 0; i < v.size(); ++i) {
      m[i] = b1 * m[i] + (1 - b1) * g[i];
      v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
      value[i] = keep * value[i] - rate * m[i] / (std::sqrt(v[i] * bias2) + eps);
    }
  }
};

}  // namespace zofo::inner
