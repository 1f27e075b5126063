/// @file A problem with mini-batch noise of known size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/direction.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/problems/constants.hpp"

namespace zofo::problems {

/// Standard deviations of the noise of one level: each coordinate of ξ and ζ, and ω.
struct Noise {
  double theta = 0.0;    ///< of ξ, noise of the gradient in θ
  double adapter = 0.0;  ///< of ζ, noise of the gradient in p
  double value = 0.0;    ///< of ω, noise of the value only
  /// Throws Error naming the field that is negative or not finite.
  void check() const {
    require_in("noise.theta", theta, 0.0, 1e12);
    require_in("noise.adapter", adapter, 0.0, 1e12);
    require_in("noise.value", value, 0.0, 1e12);
  }
};

/// F(θ,p) + ξᵀθ + ζᵀp + ω, and G(θ,p) likewise with independent noise: ξ ~ N(0, σ_θ² I), ζ ~ N(0, σ_p² I),
/// ω ~ N(0, σ_v²), each a pure function of the batch key. The noise has mean zero, so p*, p_λ, φ and ∇φ of
/// the mean are those of `problem`.
///
/// Two values with one key have the same ξ, ζ and ω, so the noise of their difference is only ξᵀΔθ + ζᵀΔp.
/// With two keys the difference has variance 2(σ_θ²‖θ‖² + σ_p²‖p‖² + σ_v²), which a difference quotient
/// divides by ε² (docs/results/theory, E5).
template <FourFunctions Problem>
struct Noisy {
  using Theta = typename Problem::Theta;
  using Adapter = typename Problem::Adapter;
  Problem problem;    ///< the problem without noise
  Noise upper_noise;  ///< of F
  Noise lower_noise;  ///< of G

  /// Throws Error when a standard deviation is negative.
  void check() const {
    upper_noise.check();
    lower_noise.check();
  }

  /// F with its noise.
  [[nodiscard]] double upper(const Theta& theta, const Adapter& p, BatchKey sample) const {
    return problem.upper(theta, p, sample) + term(kUpper, upper_noise, theta, p, sample);
  }
  /// G with its noise.
  [[nodiscard]] double lower(const Theta& theta, const Adapter& p, BatchKey sample) const {
    return problem.lower(theta, p, sample) + term(kLower, lower_noise, theta, p, sample);
  }
  /// F with its noise, and ∇_p F + ζ in g.
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& g) const {
    const double value = problem.upper_gradient(theta, p, sample, g);
    add_noise(draw(kUpper, kAdapter, coordinates(p).size(), sample), upper_noise.adapter, g);
    return value + term(kUpper, upper_noise, theta, p, sample);
  }
  /// G with its noise, and ∇_p G + ζ in g.
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& g) const {
    const double value = problem.lower_gradient(theta, p, sample, g);
    add_noise(draw(kLower, kAdapter, coordinates(p).size(), sample), lower_noise.adapter, g);
    return value + term(kLower, lower_noise, theta, p, sample);
  }

  /// p*(θ) of the mean, if `problem` has it.
  [[nodiscard]] Adapter lower_solution(const Theta& theta) const
    requires HasExactInner<Problem>
  {
    return problem.lower_solution(theta);
  }
  /// p_λ(θ) of the mean, if `problem` has it.
  [[nodiscard]] Adapter penalty_solution(const Theta& theta, double penalty) const
    requires HasExactInner<Problem>
  {
    return problem.penalty_solution(theta, penalty);
  }
  /// φ(θ) of the mean, if `problem` has it.
  [[nodiscard]] double phi(const Theta& theta) const
    requires HasHypergradient<Problem>
  {
    return problem.phi(theta);
  }
  /// ∇φ(θ) of the mean, if `problem` has it.
  [[nodiscard]] Theta phi_gradient(const Theta& theta) const
    requires HasHypergradient<Problem>
  {
    return problem.phi_gradient(theta);
  }
  /// The start of `problem`.
  [[nodiscard]] auto start() const
    requires AnalyticProblem<Problem>
  {
    return problem.start();
  }
  /// The constants of `problem`.
  [[nodiscard]] auto constants() const
    requires AnalyticProblem<Problem>
  {
    return problem.constants();
  }
  /// The source of `problem`.
  [[nodiscard]] auto citation() const
    requires AnalyticProblem<Problem>
  {
    return problem.citation();
  }

 private:
  enum Level : std::uint32_t { kUpper = 0, kLower = 1 };
  enum Part : std::uint32_t { kTheta = 0, kAdapter = 1, kValue = 2 };

  static std::vector<double> draw(Level level, Part part, std::size_t n, BatchKey sample) {
    std::vector<double> z(n);
    normals(Direction{masked_seed(sample.seed, SeedMask::noise), sample.step, sample.stream},
            3 * level + part, 0, z.data(), n);
    return z;
  }
  template <class X>
  static double inner_product(const std::vector<double>& z, const X& x) {
    const auto entries = coordinates(x);
    double sum = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i) sum += z[i] * static_cast<double>(entries[i]);
    return sum;
  }
  static void add_noise(const std::vector<double>& z, double sigma, Adapter& g) {
    auto entries = coordinates(g);
    using Scalar = typename decltype(entries)::value_type;
    for (std::size_t i = 0; i < z.size(); ++i) entries[i] += static_cast<Scalar>(sigma * z[i]);
  }
  static double term(Level level, const Noise& noise, const Theta& theta, const Adapter& p, BatchKey sample) {
    double sum = 0.0;
    if (noise.theta != 0.0)
      sum += noise.theta * inner_product(draw(level, kTheta, coordinates(theta).size(), sample), theta);
    if (noise.adapter != 0.0)
      sum += noise.adapter * inner_product(draw(level, kAdapter, coordinates(p).size(), sample), p);
    if (noise.value != 0.0) sum += noise.value * draw(level, kValue, 1, sample)[0];
    return sum;
  }
};

template <class Problem>
Noisy(Problem, Noise, Noise) -> Noisy<Problem>;

}  // namespace zofo::problems
