/// @file Updates by the signs of the estimate.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/schedule.hpp"
#include "zofo/outer/outer_optimizer.hpp"
#include "zofo/outer/update_blocks.hpp"

namespace zofo::outer {

/// θ_i ← θ_i − η sign(ĝ_i), sign(0) = 0 (Bernstein et al., "signSGD: compressed optimisation for non-convex
/// problems", 2018; Liu et al., "signSGD via zeroth-order oracle", 2019). No memory of θ's size. Every
/// coordinate with ĝ_i ≠ 0 changes by η, so average over many queries.
struct Sign {
  /// What survives between steps.
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;  ///< steps taken: the k of schedules
    /// The members that are saved.
    template <class Archive>
    void fields(Archive& archive) {
      archive(steps);
    }
  };
  /// η, learning rate: the change of each coordinate per step, in θ's units. May be a Schedule.
  Schedule rate = 1e-5;

  /// Throws Error naming the field out of range.
  void check() const { rate.check("rate", 0.0, 1e12); }
  /// Throws Error when a coefficient is not finite, or the perturbation lacks a direction on θ's shape.
  template <HasTensors Theta, class D>
  void check_update(const Theta& theta, const D& perturbation, const ZoGradient& gradient,
                    const State<Theta>& state) const {
    check_estimate(state.steps, perturbation, theta, gradient);
  }
  /// Updates θ. Throws Error as check_update does; θ and the state are unchanged then.
  template <HasTensors Theta, class D>
  void apply(Theta& theta, const D& perturbation, const ZoGradient& gradient, State<Theta>& state) const {
    check_update(theta, perturbation, gradient, state);
    const double rate_now = rate.at(state.steps);
    for_each_update_block(theta, perturbation, gradient,
                          [rate_now]<class T>(std::size_t, T* x, const T* g, std::size_t, std::size_t n) {
                            const T eta = static_cast<T>(rate_now);
                            for (std::size_t i = 0; i < n; ++i)
                              x[i] -= eta * static_cast<T>((g[i] > T{0}) - (g[i] < T{0}));
                          });
    ++state.steps;
  }
};

}  // namespace zofo::outer
