/// @file Adam over zeroth-order estimates.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/outer/bound_estimate.hpp"
#include "zofo/outer/moments.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// Options of Adam.
struct AdamOptions {
  Schedule rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  /// Throws Error naming the field out of range.
  void check() const {
    rate.check("rate", 0.0, 1e12);
    require_in("beta1", beta1, 0.0, 0.9999999);
    require_in("beta2", beta2, 0.0, 0.9999999);
    require_in("epsilon", epsilon, 0.0, 1.0);
  }
};

/// Adam (Kingma & Ba 2015) with ĝ as the gradient; keeps two moments of θ's size.
struct Adam {
  using Options = AdamOptions;
  template <class Theta>
  struct State {
    std::uint64_t steps = 0;          ///< steps taken: the k of schedules
    MomentRows<Theta> first, second;  ///< empty before the first step
  };
  Options options;

  /// Moves θ. Throws Error, nothing changed, when a coefficient is not finite or the state is of another θ.
  template <HasTensors Theta, class Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(BlockwiseLaw<Law, Theta>,
                  "zofo: outer::Adam needs a law with fill(direction, tensor, offset, z, n) or "
                  "bind(theta, direction) (concept BlockwiseLaw)");
    check_estimate(state.steps, gradient);
    rows_like(theta, state.first);
    rows_like(theta, state.second);
    const BoundEstimate<Law, Theta> estimate(law, gradient, theta);
    std::size_t index = 0;
    for_each_tensor(theta, [&](std::uint32_t tensor, auto* x, std::size_t n) {
      move(estimate, tensor, x, n, state.first[index].data(), state.second[index].data(), state.steps);
      ++index;
    });
    ++state.steps;
  }

 private:
  template <class Estimate, class T, class M>
  void move(const Estimate& estimate, std::uint32_t tensor, T* x, std::size_t n, M* m, M* v,
            std::uint64_t step) const {
    const double t = static_cast<double>(step) + 1.0;
    const T b1 = static_cast<T>(options.beta1), b2 = static_cast<T>(options.beta2);
    const T rate = static_cast<T>(options.rate.at(step) / (1.0 - std::pow(options.beta1, t)));
    const T bias2 = static_cast<T>(1.0 / (1.0 - std::pow(options.beta2, t)));
    const T eps = static_cast<T>(options.epsilon);
    detail::for_each_block(n, [&](std::size_t first, std::size_t size) {
      alignas(64) T g[detail::kBlock];
      estimate.fill(tensor, first, g, size);
      for (std::size_t i = 0; i < size; ++i) {
        M& mean = m[first + i];
        M& square = v[first + i];
        mean = static_cast<M>(b1 * mean + (1 - b1) * g[i]);
        square = static_cast<M>(b2 * square + (1 - b2) * g[i] * g[i]);
        x[first + i] -= rate * mean / (std::sqrt(square * bias2) + eps);
      }
    });
  }
};

}  // namespace zofo::outer
