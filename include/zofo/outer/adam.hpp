/// @file Adam over zeroth-order estimates.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/outer/outer_optimizer.hpp"

namespace zofo::outer {

/// Options of Adam.
struct AdamOptions {
  double rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  /// Throws Error naming the field out of range.
  void check() const {
    require_in("rate", rate, 0.0, 1e12);
    require_in("beta1", beta1, 0.0, 0.9999999);
    require_in("beta2", beta2, 0.0, 0.9999999);
    require_in("epsilon", epsilon, 0.0, 1.0);
  }
};

/// Adam with ĝ as the gradient; keeps two moments of θ's size and needs a law that fills any coordinate on
/// its own.
struct Adam {
  using Options = AdamOptions;
  /// Moments, a pair of rows for each tensor; float unless θ is an Eigen object of another scalar.
  template <class Theta>
  struct State {
    static auto scalar() {
      if constexpr (EigenPlain<Theta>)
        return typename Theta::Scalar{};
      else
        return float{};
    }
    using Row = std::vector<decltype(scalar())>;
    std::uint64_t steps = 0;
    std::vector<Row> first, second;
  };
  Options options;

  /// Moves θ.
  template <HasTensors Theta, class Law>
  void apply(Theta& theta, const Law& law, const ZoGradient& gradient, State<Theta>& state) const {
    static_assert(CoordinatewiseLaw<Law>,
                  "zofo: outer::Adam needs a law with fill(direction, tensor, offset, z, n) (concept "
                  "CoordinatewiseLaw)");
    ++state.steps;
    std::size_t index = 0;
    for_each_tensor(theta, [&](std::uint32_t tensor, auto* x, std::size_t n) {
      if (state.first.size() == index) {
        state.first.emplace_back(n);
        state.second.emplace_back(n);
      }
      move(law, gradient, tensor, x, n, state.first[index].data(), state.second[index].data(), state.steps);
      ++index;
    });
  }

 private:
  template <class Law, class T, class M>
  void move(const Law& law, const ZoGradient& gradient, std::uint32_t tensor, T* x, std::size_t n, M* m, M* v,
            std::uint64_t steps) const {
    const double t = static_cast<double>(steps);
    const T b1 = static_cast<T>(options.beta1), b2 = static_cast<T>(options.beta2);
    const T rate = static_cast<T>(options.rate / (1.0 - std::pow(options.beta1, t)));
    const T bias2 = static_cast<T>(1.0 / (1.0 - std::pow(options.beta2, t)));
    const T eps = static_cast<T>(options.epsilon);
    detail::for_each_block(n, [&](std::size_t first, std::size_t size) {
      alignas(64) T g[detail::kBlock] = {};
      alignas(64) T z[detail::kBlock];
      for (const ZoTerm& term : gradient.terms) {
        law.fill(term.direction, tensor, first, z, size);
        const T c = static_cast<T>(term.coefficient);
        for (std::size_t i = 0; i < size; ++i) g[i] += c * z[i];
      }
      for (std::size_t i = 0; i < size; ++i) {
        M& mean = m[first + i];
        M& square = v[first + i];
        mean = b1 * mean + (1 - b1) * g[i];
        square = b2 * square + (1 - b2) * g[i] * g[i];
        x[first + i] -= rate * mean / (std::sqrt(square * bias2) + eps);
      }
    });
  }
};

}  // namespace zofo::outer
