/// @file Adam with decoupled weight decay.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "zofo/core/adam_numbers.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/inner/clip.hpp"
#include "zofo/inner/inner_solve.hpp"

namespace zofo::inner {

/// x with its own kernel for a step of Adam, for example because it is stored on another device:
/// `adam_update(numbers, gradient, first, second, x)`.
template <class P>
concept HasFusedAdam = requires(const AdamNumbers& numbers, const P& gradient, P& x) {
  adam_update(numbers, gradient, x, x, x);
};

/// Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019) and clipping by the global
/// norm. For adapters of language models, whose coordinates have very different scales and whose gradients
/// are noisy.
struct Adam {
  /// Learning rate: about the change of a coordinate per step, in x's units. Tune it first. May be a
  /// Schedule.
  Schedule rate = 1e-3;
  /// β₁, decay of the mean of gradients: over about 1/(1 − β₁) steps. Lower it if the objective changes fast.
  double beta1 = 0.9;
  /// β₂, decay of the mean of squares: over about 1/(1 − β₂) steps. 0.95 to 0.99 for short runs.
  double beta2 = 0.999;
  /// ε, added to the root of the mean square, in the gradient's units. Raise it if tiny gradients are noise.
  double epsilon = 1e-8;
  /// Decoupled weight decay: x shrinks by the factor 1 − rate · weight_decay per step. Set it against
  /// overfitting.
  double weight_decay = 0.0;
  /// Largest Euclidean norm of the gradient; 0: no limit. Set it if single mini-batches have huge gradients.
  double clip = 0.0;

  /// What survives between steps.
  template <class P>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules and of the bias correction
    Memory<P> first;          ///< mean of gradients; empty before the first step
    Memory<P> second;         ///< mean of their squares
    /// The members that are saved.
    template <class A>
    void fields(A& archive) {
      archive(steps, first, second);
    }
  };

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("beta1", beta1, 0.0, 0.9999999);
    require_in("beta2", beta2, 0.0, 0.9999999);
    require_in("epsilon", epsilon, 0.0, 1.0);
    require_in("weight_decay", weight_decay, 0.0, 1e6);
    require_in("clip", clip, 0.0, 1e30);
  }

  /// Updates x by its gradient, which is clipped in place. Throws Error when the state belongs to an x of
  /// another size.
  template <VectorSpace P>
  void update(P& gradient, P& x, State<P>& state) const {
    static_assert(HasCoordinates<P> || HasFusedAdam<P>,
                  "zofo: inner::Adam needs coordinates(x) with size() and [i] (concept HasCoordinates)");
    P& first = memory_like(x, state.first);
    P& second = memory_like(x, state.second);
    clip_norm(clip, gradient);
    const double t = static_cast<double>(state.steps) + 1.0, step = rate.at(state.steps);
    const AdamNumbers numbers{.beta1 = beta1,
                              .beta2 = beta2,
                              .epsilon = epsilon,
                              .rate = step / (1.0 - std::pow(beta1, t)),
                              .bias2 = 1.0 / (1.0 - std::pow(beta2, t)),
                              .keep = 1.0 - step * weight_decay};
    if constexpr (HasFusedAdam<P>)
      adam_update(numbers, gradient, first, second, x);
    else
      update_coordinates(numbers, gradient, first, second, x);
    ++state.steps;
  }

 private:
  template <class P>
  static void update_coordinates(const AdamNumbers& numbers, P& gradient, P& first, P& second, P& x) {
    const auto g = coordinates(gradient);
    const auto value = coordinates(x);
    const auto m = coordinates(first);
    const auto v = coordinates(second);
    using Scalar = std::remove_cvref_t<decltype(v[0])>;
    const auto as_scalar = [](double number) { return static_cast<Scalar>(number); };
    const Scalar b1 = as_scalar(numbers.beta1), b2 = as_scalar(numbers.beta2),
                 eps = as_scalar(numbers.epsilon);
    const Scalar step = as_scalar(numbers.rate), bias2 = as_scalar(numbers.bias2),
                 keep = as_scalar(numbers.keep);
    for (std::size_t i = 0; i < v.size(); ++i) {
      m[i] = b1 * m[i] + (1 - b1) * g[i];
      v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
      value[i] = keep * value[i] - step * m[i] / (std::sqrt(v[i] * bias2) + eps);
    }
  }
};

}  // namespace zofo::inner
