/// @file Heavy-ball momentum over zeroth-order estimates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/outer/moments.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/outer/update_blocks.hpp"

namespace zofo::outer {

/// v ← βv + ĝ, θ ← θ − η v (Polyak 1964). Its state is v, of θ's size and in θ's precision.
struct Momentum {
  static constexpr bool linear = true;  ///< an update is linear in the estimates
  /// What survives between steps.
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    Moments velocity;         ///< v; empty before the first step
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(steps, velocity);
    }
  };
  /// η, learning rate. The steps of one estimate add up to rate/(1 − β), so lower it when β rises. May be a
  /// Schedule.
  Schedule rate = 1e-7;
  /// β, weight of the previous velocity in [0, 1): v sums over about 1/(1 − β) steps. Raise it if single
  /// estimates are noisy.
  double momentum = 0.9;

  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("momentum", momentum, 0.0, 0.9999999);
  }
  /// Throws Error when a coefficient is not finite, the perturbation lacks a direction on θ's shape, or the
  /// state belongs to a θ of another shape.
  template <HasTensors Theta, class D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    check_estimate(state.steps, perturbation, theta, gradient);
    state.velocity.check_fits(theta);
  }
  /// Updates θ. Throws Error as check_update does; θ and the state are unchanged then.
  template <HasTensors Theta, class D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(FillablePerturbation<D, Theta>,
                  "zofo: outer::Momentum needs a perturbation with fill(direction, tensor, offset, z, n) or "
                  "bind(theta, direction) (concept FillablePerturbation)");
    check_update(theta, perturbation, gradient, state);
    moments_like(theta, state.velocity);
    const double rate_now = rate.at(state.steps);
    for_each_update_block(
        theta, perturbation, gradient,
        [&]<class T>(std::size_t tensor, T* x, const T* g, std::size_t offset, std::size_t n) {
          const T beta = static_cast<T>(momentum), eta = static_cast<T>(rate_now);
          T* const v = state.velocity.template row<T>(tensor).data() + offset;
          for (std::size_t i = 0; i < n; ++i) {
            v[i] = beta * v[i] + g[i];
            x[i] -= eta * v[i];
          }
        });
    ++state.steps;
  }
};

}  // namespace zofo::outer
