/// @file A function of θ as a problem without a lower level, which the same solver minimises.
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

/// The vector without coordinates: p and s of a problem without adapters.
struct NoAdapter {
  /// y += a x: does nothing.
  friend void axpy(double, const NoAdapter&, NoAdapter&) {}
  /// The inner product: 0.
  friend double dot(const NoAdapter&, const NoAdapter&) { return 0.0; }
  /// The Euclidean norm: 0.
  friend double norm(const NoAdapter&) { return 0.0; }
  /// x *= a: does nothing.
  friend void scale(double, NoAdapter&) {}
  /// Copies nothing.
  friend void assign(const NoAdapter&, NoAdapter&) {}
  /// Another vector without coordinates.
  friend NoAdapter zeros_like(const NoAdapter&) { return {}; }
  /// An empty range.
  friend std::span<double> coordinates(NoAdapter&) { return {}; }
  /// An empty range.
  friend std::span<const double> coordinates(const NoAdapter&) { return {}; }
};

/// F(θ, ·) = f(θ, batch) or f(θ), and G = 0. Solve it with `BilevelOptions{…}.mezo()` (Malladi et al. 2023).
template <class T, class F>
struct SingleLevel {
  using Theta = T;
  using Adapter = NoAdapter;
  F f;  ///< f(θ) or f(θ, batch)

  /// f(θ) on a mini-batch.
  double upper(const Theta& theta, const Adapter& /*p*/, BatchKey batch) {
    if constexpr (std::invocable<F&, const Theta&, BatchKey>)
      return f(theta, batch);
    else
      return f(theta);
  }
  /// f(θ); writes no gradient, because there is no p.
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
  /// Number of steps, at least 1. Each costs 2·queries values of f.
  std::uint32_t steps = 1000;
  /// η of θ ← θ − η ĝ, a number or a schedule. For curvature L, q directions and d coordinates, about
  /// q/(L(d + q)) is stable. Lower it when f grows; lower it over time when f is noisy.
  Schedule learning_rate = 1e-2;
  /// ε, the distance from θ at which f is evaluated. Choose it small against the scale on which f curves and
  /// large against the rounding of f divided by ‖∇f‖; f that is computed in float needs a larger ε.
  Schedule epsilon = 1e-3;
  /// q, the number of directions per step, at least 1. The variance falls about as 1/q, the cost grows as q.
  std::uint32_t queries = 1;
  /// Seed of the directions and of mini-batches.
  std::uint64_t seed = 0;
};

/// Minimises f(θ) or f(θ, batch) over θ from values only, by zeroth-order gradient descent with central
/// differences along random signs (MeZO, Malladi et al. 2023, algorithm 1). Updates θ in place. Throws Error
/// when an option is out of range or f is not finite.
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
