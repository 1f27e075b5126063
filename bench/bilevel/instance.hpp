/// @file One problem of one seed: the inputs of the methods, and the exact φ that measures their results.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "bilevel/any_problem.hpp"
#include "bilevel/referee.hpp"

namespace zofo::bench {

/// Methods use `problem`, the start, the box and the constants. φ, ∇φ and the lowest φ are used by the
/// referee only and count as no evaluations of a method. (`exact` also uses ∇φ, and pays for it.)
struct Instance {
  AnyProblem problem;
  std::vector<AnyProblem> tasks;  ///< tasks of meta-learning: their mean is `problem`; else empty
  Vector theta, p;                ///< θ_0, p_0 = s_0
  Interval box;                   ///< θ is clamped to it after every step of every method
  double smoothness = 0;          ///< L of G(θ, ·) over the box
  double convexity = 0;           ///< μ of G(θ, ·) over the box; equal to L: no momentum
  double upper_smoothness = 0;    ///< Lipschitz constant of ∇_pF(θ, ·)
  double rate_unit = 1;           ///< learning rates of θ are powers of 2 times this
  std::function<double(const Vector&)> phi;
  std::function<Vector(const Vector&)> phi_gradient;
  double lowest = std::numeric_limits<double>::quiet_NaN();  ///< φ*; NaN: the error is ‖∇φ‖
  std::function<std::map<std::string, double>(const Vector&)> extras;
  double at_start = 1;  ///< the error before scaling, at θ_0

  /// The relative error (φ(θ) − φ*)/(φ(θ_0) − φ*), or ‖∇φ(θ)‖/‖∇φ(θ_0)‖ if φ has several minima.
  [[nodiscard]] double validate(const Vector& at) const { return unscaled(at) / at_start; }
  /// Computes `at_start`; call it after setting all other fields.
  void finish() { at_start = unscaled(theta); }

 private:
  [[nodiscard]] double unscaled(const Vector& at) const {
    if (!at.allFinite()) return std::numeric_limits<double>::quiet_NaN();
    return std::isnan(lowest) ? phi_gradient(at).norm() : phi(at) - lowest;
  }
};

/// Settings of all runs on a problem.
struct CaseSettings {
  std::string name, title, citation;
  bool by_gradient = false;  ///< the error is ‖∇φ‖, else the gap φ − φ*
  double target = 0.02;      ///< relative error that counts as solved
  double budget = 4e4;       ///< evaluations
  double penalty = 50;       ///< λ
  std::uint32_t inner_steps = 5;
  std::uint32_t queries = 4;
};

}  // namespace zofo::bench
