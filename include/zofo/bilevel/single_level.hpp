/// @file A plain function of θ as a problem without a lower level, so that the one solver also minimises it.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include "zofo/bilevel/options.hpp"
#include "zofo/core/sample.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// The vector of no coordinates: p and s of a problem without adapters.
struct NoAdapter {
  friend void axpy(double, const NoAdapter&, NoAdapter&) {}
  friend double dot(const NoAdapter&, const NoAdapter&) { return 0.0; }
  friend double norm(const NoAdapter&) { return 0.0; }
  friend void scale(double, NoAdapter&) {}
  friend void assign(const NoAdapter&, NoAdapter&) {}
  friend NoAdapter zeros_like(const NoAdapter&) { return {}; }
};

/// F(θ, ·) = f(θ, sample) or f(θ), G = 0. Solved with `BilevelOptions{…}.mezo()` (Malladi et al. 2023).
template <class T, class F>
struct SingleLevel {
  using Theta = T;
  using Lower = NoAdapter;
  F f;

  /// f(θ) on the mini-batch of `sample`.
  double upper(const Theta& theta, const Lower& /*p*/, Sample sample) {
    if constexpr (std::invocable<F&, const Theta&, Sample>)
      return f(theta, sample);
    else
      return f(theta);
  }
  /// f(θ); there is no p to have a gradient in.
  double upper_gradient(const Theta& theta, const Lower& p, Sample sample, Lower& /*gradient*/) {
    return upper(theta, p, sample);
  }
  /// 0.
  double lower(const Theta& /*theta*/, const Lower& /*p*/, Sample /*sample*/) { return 0.0; }
  /// 0.
  double lower_gradient(const Theta& /*theta*/, const Lower& /*p*/, Sample /*sample*/, Lower& /*gradient*/) {
    return 0.0;
  }
};

/// `single_level<Theta>(f)`: f(θ) or f(θ, sample) as a problem.
template <class Theta, class F>
[[nodiscard]] SingleLevel<Theta, F> single_level(F f) {
  return {std::move(f)};
}

}  // namespace zofo
