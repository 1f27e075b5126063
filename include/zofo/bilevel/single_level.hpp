/// @file A plain function of θ as a problem without a lower level, so that the one solver also minimises it.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <utility>

#include "zofo/bilevel/options.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/core/observer.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/inner/sgd.hpp"

namespace zofo {

/// The vector of no coordinates: p and s of a problem without adapters.
struct NoAdapter {
  friend void axpy(double, const NoAdapter&, NoAdapter&) {}
  friend double dot(const NoAdapter&, const NoAdapter&) { return 0.0; }
  friend double norm(const NoAdapter&) { return 0.0; }
  friend void scale(double, NoAdapter&) {}
  friend void assign(const NoAdapter&, NoAdapter&) {}
  friend NoAdapter zeros_like(const NoAdapter&) { return {}; }
  friend std::span<double> coordinates(NoAdapter&) { return {}; }
  friend std::span<const double> coordinates(const NoAdapter&) { return {}; }
};

/// F(θ, ·) = f(θ, batch) or f(θ), G = 0. Solved with `BilevelOptions{…}.mezo()` (Malladi et al. 2023).
template <class T, class F>
struct SingleLevel {
  using Theta = T;
  using Adapter = NoAdapter;
  F f;

  /// f(θ) on a mini-batch.
  double upper(const Theta& theta, const Adapter& /*p*/, BatchKey batch) {
    if constexpr (std::invocable<F&, const Theta&, BatchKey>)
      return f(theta, batch);
    else
      return f(theta);
  }
  /// f(θ); there is no p to have a gradient in.
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey batch, Adapter& /*gradient*/) {
    return upper(theta, p, batch);
  }
  /// 0.
  double lower(const Theta& /*theta*/, const Adapter& /*p*/, BatchKey /*batch*/) { return 0.0; }
  /// 0.
  double lower_gradient(const Theta& /*theta*/, const Adapter& /*p*/, BatchKey /*batch*/,
                        Adapter& /*gradient*/) {
    return 0.0;
  }
};

/// `single_level<Theta>(f)`: f(θ) or f(θ, batch) as a problem.
template <class Theta, class F>
[[nodiscard]] SingleLevel<Theta, F> single_level(F f) {
  return {std::move(f)};
}

/// Options of minimize.
struct MinimizeOptions {
  std::uint32_t steps = 1000;
  /// η of θ ← θ − η ĝ. With q directions of d coordinates about q/(L(d + q)) is stable for curvature L.
  Schedule learning_rate = 1e-2;
  /// ε. Small against the scale on which f bends, large against the rounding of f over |∇f|.
  Schedule epsilon = 1e-3;
  std::uint32_t queries = 1;  ///< q directions a step; more of them cost 2q values and lower the variance
  std::uint64_t seed = 0;
};

/// Minimises f(θ) or f(θ, batch) over θ from values only, by zeroth-order gradient descent with central
/// differences along random signs (MeZO, Malladi et al. 2023, algorithm 1). θ is updated in place.
template <class F, class Theta, class Watch = NullObserver>
Solution minimize(F f, Theta& theta, const MinimizeOptions& options = {}, Watch&& observer = {}) {
  auto problem = single_level<Theta>(std::move(f));
  BilevelOptions loop;
  loop.outer_steps = options.steps;
  loop.seed = options.seed;
  Solver solver{problem,
                Policies{.estimator = Central{.epsilon = options.epsilon, .queries = options.queries},
                         .outer = outer::Sgd{.rate = options.learning_rate},
                         .lower = inner::Sgd{}},
                loop.mezo()};
  AdapterPair<NoAdapter> none;
  return solver.solve(theta, none, observer);
}

}  // namespace zofo
