/// @file Adam over zeroth-order estimates.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/outer/moments.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/outer/update_blocks.hpp"

namespace zofo::outer {

/// Adam (Kingma & Ba 2015) with ĝ as the gradient. Its state is two moments of θ's size, in θ's precision.
struct Adam {
  /// What survives between steps.
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    Moments first;            ///< mean of ĝ; empty before the first step
    Moments second;           ///< mean of its squares; empty before the first step
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(steps, first, second);
    }
  };
  /// Learning rate: about the change of a coordinate per step, in θ's units. Tune it first. May be a
  /// Schedule.
  Schedule rate = 1e-4;
  /// β₁, decay of the first moment: over about 1/(1 − β₁) steps. Raise it if single estimates are noisy.
  double beta1 = 0.9;
  /// β₂, decay of the second moment: over about 1/(1 − β₂) steps. Lower it for short runs.
  double beta2 = 0.999;
  /// ε, added to the root of the second moment, in the estimate's units. Raise it if tiny estimates are
  /// noise.
  double epsilon = 1e-8;

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("beta1", beta1, 0.0, 0.9999999);
    require_in("beta2", beta2, 0.0, 0.9999999);
    require_in("epsilon", epsilon, 0.0, 1.0);
  }
  /// Throws Error when a coefficient is not finite, the perturbation lacks a direction on θ's shape, or the
  /// state belongs to a θ of another shape.
  template <HasTensors Theta, class D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    check_estimate(state.steps, perturbation, theta, gradient);
    state.first.check_fits(theta);
    state.second.check_fits(theta);
  }
  /// Updates θ. Throws Error as check_update does; θ and the state are unchanged then.
  template <HasTensors Theta, class D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(FillablePerturbation<D, Theta>,
                  "zofo: outer::Adam needs a perturbation with fill(direction, tensor, offset, z, n) or "
                  "bind(theta, direction) (concept FillablePerturbation)");
    check_update(theta, perturbation, gradient, state);
    moments_like(theta, state.first);
    moments_like(theta, state.second);
    const double t = static_cast<double>(state.steps) + 1.0;
    const double corrected_rate = rate.at(state.steps) / (1.0 - std::pow(beta1, t));
    const double correction = 1.0 / (1.0 - std::pow(beta2, t));
    for_each_update_block(
        theta, perturbation, gradient,
        [&]<class T>(std::size_t tensor, T* x, const T* g, std::size_t offset, std::size_t n) {
          T* const m = state.first.template row<T>(tensor).data() + offset;
          T* const v = state.second.template row<T>(tensor).data() + offset;
          update<T>(x, g, m, v, n, static_cast<T>(corrected_rate), static_cast<T>(correction));
        });
    ++state.steps;
  }

 private:
  template <class T>
  void update(T* x, const T* g, T* m, T* v, std::size_t n, T corrected_rate, T correction) const {
    const T b1 = static_cast<T>(beta1), b2 = static_cast<T>(beta2), eps = static_cast<T>(epsilon);
    for (std::size_t i = 0; i < n; ++i) {
      m[i] = b1 * m[i] + (1 - b1) * g[i];
      v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
      x[i] -= corrected_rate * m[i] / (std::sqrt(v[i] * correction) + eps);
    }
  }
};

}  // namespace zofo::outer
