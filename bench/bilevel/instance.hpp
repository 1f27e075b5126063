/// @file One problem of one seed: what the methods are given, and what judges them.
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

/// Methods see `problem`, the start, the box and the constants; φ, ∇φ (the oracle's) and the lowest φ are the
/// referee's and cost a method nothing to be judged by.
struct Instance {
  AnyProblem problem;
  std::vector<AnyProblem> tasks;  ///< of meta-learning: their mean is `problem`
  Vector theta, p;                ///< θ_0, p_0 = s_0
  Interval box;                   ///< θ is clamped to it after every step of every method
  double smoothness = 0;          ///< L of G(θ, ·) over the box
  double convexity = 0;           ///< μ of G(θ, ·) over the box; L itself: no momentum
  double upper_smoothness = 0;    ///< of F(θ, ·)
  double rate_unit = 1;           ///< rates of θ are powers of 2 times this
  std::function<double(const Vector&)> phi;
  std::function<Vector(const Vector&)> phi_gradient;
  double lowest = std::numeric_limits<double>::quiet_NaN();  ///< φ*; NaN: judged by ‖∇φ‖
  std::function<std::map<std::string, double>(const Vector&)> extras;
  double at_start = 1;  ///< what is judged, at θ_0

  /// (φ(θ) − φ*)/(φ(θ_0) − φ*), or ‖∇φ(θ)‖/‖∇φ(θ_0)‖ where φ is not convex and has no one φ*.
  [[nodiscard]] double validate(const Vector& at) const { return unscaled(at) / at_start; }
  /// Call when all else is set.
  void finish() { at_start = unscaled(theta); }

 private:
  [[nodiscard]] double unscaled(const Vector& at) const {
    if (!at.allFinite()) return std::numeric_limits<double>::quiet_NaN();
    return std::isnan(lowest) ? phi_gradient(at).norm() : phi(at) - lowest;
  }
};

/// What a problem's runs share.
struct CaseSettings {
  std::string name, title, citation;
  bool by_gradient = false;  ///< judged by ‖∇φ‖, else by the gap
  double target = 0.02;      ///< of the judged number's value at the start
  double budget = 4e4;       ///< evaluations
  double penalty = 50;       ///< λ
  std::uint32_t inner_steps = 5;
  std::uint32_t queries = 4;
};

}  // namespace zofo::bench
