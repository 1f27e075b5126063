// Policies that are wrong on purpose; the statements must fail on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace theory::broken {

// z is `factor` times too long, so that ĝ is factor² times too large.
template <class Distribution>
struct Scaled {
  Distribution distribution;
  double factor = 1.05;
  template <class Theta>
  void add(Theta& theta, zofo::Direction d, double a) const {
    distribution.add(theta, d, factor * a);
  }
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    return distribution.second_moment_factor(d);
  }
};

// Every entry of z has mean `shift`. A two-sided estimate is even in z and contains the shift's square (E
// zzᵀ).
template <class Distribution>
struct Biased {
  Distribution distribution;
  double shift = 0.3;
  template <class Theta>
  void add(Theta& theta, zofo::Direction d, double a) const {
    distribution.add(theta, d, a);
    using zofo::for_each_tensor;
    for_each_tensor(theta, [&](std::uint32_t, auto* x, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) x[i] += static_cast<std::decay_t<decltype(*x)>>(shift * a);
    });
  }
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    return distribution.second_moment_factor(d);
  }
};

// Every step uses one of `seeds` directions.
template <class Distribution>
struct ReusedSeed {
  Distribution distribution;
  std::uint32_t seeds = 100;
  template <class Theta>
  void add(Theta& theta, zofo::Direction d, double a) const {
    d.step %= seeds;
    distribution.add(theta, d, a);
  }
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    return distribution.second_moment_factor(d);
  }
};

// All queries of a step use one direction.
template <class Distribution>
struct OneQuery {
  Distribution distribution;
  template <class Theta>
  void add(Theta& theta, zofo::Direction d, double a) const {
    d.query = 0;
    distribution.add(theta, d, a);
  }
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    return distribution.second_moment_factor(d);
  }
};

// Both tensors of TwoTensors get the noise of stream 0.
template <class Distribution>
struct SharedNoise {
  Distribution distribution;
  template <class Theta>
  void add(Theta& theta, zofo::Direction d, double a) const {
    using zofo::for_each_tensor;
    for_each_tensor(theta, [&](std::uint32_t, auto* x, std::size_t n) {
      using T = std::decay_t<decltype(*x)>;
      std::vector<T> z(n);
      distribution.fill(d, 0, 0, z.data(), n);
      for (std::size_t i = 0; i < n; ++i) x[i] += static_cast<T>(a) * z[i];
    });
  }
  [[nodiscard]] double second_moment_factor(std::size_t d) const {
    return distribution.second_moment_factor(d);
  }
};

// The coefficients are multiplied by `factor`; −1 is the wrong sign.
template <class Estimator>
struct Multiplied {
  Estimator estimator;
  double factor = -1.0;
  void probes(std::uint32_t step, std::vector<zofo::Probe>& out) const { estimator.probes(step, out); }
  void combine(std::uint32_t step, std::span<const double> losses, zofo::ZoGradient& out) const {
    estimator.combine(step, losses, out);
    for (zofo::ZoTerm& term : out.terms) term.coefficient *= factor;
  }
};

}  // namespace theory::broken
