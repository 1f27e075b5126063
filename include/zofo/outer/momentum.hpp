/// @file Heavy-ball momentum over zeroth-order estimates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/outer/bound_estimate.hpp"
#include "zofo/outer/moments.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// Options of Momentum.
struct MomentumOptions {
  Schedule rate = 1e-7;
  double momentum = 0.9;  ///< weight of the previous velocity
  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("momentum", momentum, 0.0, 0.9999999);
  }
};

/// v ← βv + ĝ, θ ← θ − η v (Polyak 1964); keeps v, of θ's size.
struct Momentum {
  using Options = MomentumOptions;
  static constexpr bool linear = true;  ///< in the estimates
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;     ///< steps taken: the k of schedules
    MomentRows<Theta> velocity;  ///< empty before the first step
  };
  Options options;

  /// Moves θ. Throws Error, nothing changed, when a coefficient is not finite or the state is of another θ.
  template <HasTensors Theta, class Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(BlockwiseLaw<Law, Theta>,
                  "zofo: outer::Momentum needs a law with fill(direction, tensor, offset, z, n) or "
                  "bind(theta, direction) (concept BlockwiseLaw)");
    check_estimate(state.steps, gradient);
    rows_like(theta, state.velocity);
    const BoundEstimate<Law, Theta> estimate(law, gradient, theta);
    const double rate = options.rate.at(state.steps);
    std::size_t index = 0;
    for_each_tensor(theta, [&](std::uint32_t tensor, auto* x, std::size_t n) {
      move(estimate, tensor, x, n, state.velocity[index++].data(), rate);
    });
    ++state.steps;
  }

 private:
  template <class Estimate, class T, class M>
  void move(const Estimate& estimate, std::uint32_t tensor, T* x, std::size_t n, M* velocity,
            double rate_now) const {
    const T beta = static_cast<T>(options.momentum), rate = static_cast<T>(rate_now);
    detail::for_each_block(n, [&](std::size_t first, std::size_t size) {
      alignas(64) T g[detail::kBlock];
      estimate.fill(tensor, first, g, size);
      for (std::size_t i = 0; i < size; ++i) {
        M& v = velocity[first + i];
        v = static_cast<M>(beta * v + g[i]);
        x[first + i] -= rate * v;
      }
    });
  }
};

}  // namespace zofo::outer
