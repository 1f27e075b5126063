/// @file Lion over zeroth-order estimates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/outer/moments.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/outer/update_blocks.hpp"

namespace zofo::outer {

/// c = β₁m + (1 − β₁)ĝ, θ ← θ − η (sign(c) + λθ), m ← β₂m + (1 − β₂)ĝ, sign(0) = 0 (Chen et al., "Symbolic
/// discovery of optimization algorithms", 2023, algorithm 2). Its state is m, of θ's size and in θ's
/// precision.
struct Lion {
  /// What survives between steps.
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    Moments momentum;         ///< m; empty before the first step
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(steps, momentum);
    }
  };
  /// η, learning rate: the change of each coordinate per step, in θ's units. Lower than Adam's. May be a
  /// Schedule.
  Schedule rate = 1e-5;
  /// β₁, weight of m in the sign. Raise it if single estimates are noisy.
  double beta1 = 0.9;
  /// β₂, decay of m: over about 1/(1 − β₂) steps. Lower it if the objective changes fast.
  double beta2 = 0.99;
  /// λ: θ shrinks by the factor 1 − rate · weight_decay per step. Set it against overfitting.
  double weight_decay = 0.0;

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("beta1", beta1, 0.0, 0.9999999);
    require_in("beta2", beta2, 0.0, 0.9999999);
    require_in("weight_decay", weight_decay, 0.0, 1e12);
  }
  /// Throws Error when a coefficient is not finite, the perturbation lacks a direction on θ's shape, or the
  /// state belongs to a θ of another shape.
  template <HasTensors Theta, class D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    check_estimate(state.steps, perturbation, theta, gradient);
    state.momentum.check_fits(theta);
  }
  /// Updates θ. Throws Error as check_update does; θ and the state are unchanged then.
  template <HasTensors Theta, class D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    check_update(theta, perturbation, gradient, state);
    moments_like(theta, state.momentum);
    const double rate_now = rate.at(state.steps);
    for_each_update_block(
        theta, perturbation, gradient,
        [&]<class T>(std::size_t tensor, T* x, const T* g, std::size_t offset, std::size_t n) {
          const T eta = static_cast<T>(rate_now), decay = static_cast<T>(weight_decay);
          const T b1 = static_cast<T>(beta1), b2 = static_cast<T>(beta2);
          T* const m = state.momentum.template row<T>(tensor).data() + offset;
          for (std::size_t i = 0; i < n; ++i) {
            const T c = b1 * m[i] + (1 - b1) * g[i];
            x[i] -= eta * (static_cast<T>((c > T{0}) - (c < T{0})) + decay * x[i]);
            m[i] = b2 * m[i] + (1 - b2) * g[i];
          }
        });
    ++state.steps;
  }
};

}  // namespace zofo::outer
