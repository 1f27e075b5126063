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
    static_assert(HasCoordinates<P>,
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
    const auto g = coordinates(*state.gradient);
    const auto value = coordinates(x);
    const auto m = coordinates(*state.first);
    const auto v = coordinates(*state.second);
    using Scalar = std::remove_cvref_t<decltype(v[0])>;
    const double t = static_cast<double>(state.steps) + 1.0, rate_now = options.rate.at(state.steps);
    const auto as_scalar = [](double number) { return static_cast<Scalar>(number); };
    const Scalar b1 = as_scalar(options.beta1), b2 = as_scalar(options.beta2),
                 eps = as_scalar(options.epsilon);
    const Scalar rate = as_scalar(rate_now / (1.0 - std::pow(options.beta1, t)));
    const Scalar bias2 = as_scalar(1.0 / (1.0 - std::pow(options.beta2, t)));
    const Scalar keep = as_scalar(1.0 - rate_now * options.weight_decay);
    for (std::size_t i = 0; i < v.size(); ++i) {
      m[i] = b1 * m[i] + (1 - b1) * g[i];
      v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
      value[i] = keep * value[i] - rate * m[i] / (std::sqrt(v[i] * bias2) + eps);
    }
  }
};

}  // namespace zofo::inner
