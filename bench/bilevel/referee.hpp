/// @file The lowest φ in a box, found with exact gradients. Gaps are measured from it.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <deque>
#include <functional>
#include <utility>

#include "bilevel/any_problem.hpp"

namespace zofo::bench {

/// All θ have every coordinate in [low, high].
struct Interval {
  double low = -1e300, high = 1e300;
  [[nodiscard]] bool bounded() const { return high - low < 1e300; }
  void clamp(Vector& x) const { x = x.cwiseMax(low).cwiseMin(high); }
};

namespace detail {

// L-BFGS (Nocedal, Wright, "Numerical optimization", 2006, algorithm 7.4) with Armijo's rule.
class Lbfgs {
 public:
  using Objective = std::function<double(const Vector&, Vector&)>;

  static Vector minimise(const Objective& f, Vector x, int steps) {
    Lbfgs memory;
    Vector g(x.size());
    double value = f(x, g);
    for (int k = 0; k < steps && g.norm() > 1e-12; ++k) {
      Vector direction = -memory.times(g);
      double slope = g.dot(direction);
      if (!(slope < 0)) {
        direction = -g;
        slope = -g.squaredNorm();
      }
      Vector next, next_g(x.size());
      double length = 1, next_value = value;
      for (int halving = 0; halving < 50; ++halving, length *= 0.5) {
        next = x + length * direction;
        next_value = f(next, next_g);
        if (std::isfinite(next_value) && next_value <= value + 1e-4 * length * slope) break;
      }
      if (!(next_value < value)) break;
      memory.add(next - x, next_g - g);
      x = next;
      g = next_g;
      value = next_value;
    }
    return x;
  }

 private:
  void add(const Vector& s, const Vector& y) {
    if (s.dot(y) <= 1e-8 * s.norm() * y.norm()) {  // φ is not convex there: restart
      pairs_.clear();
      return;
    }
    pairs_.emplace_back(s, y);
    if (pairs_.size() > 10) pairs_.pop_front();
  }
  [[nodiscard]] Vector times(Vector g) const {
    if (pairs_.empty()) return g / g.norm();  // a step of length 1
    std::vector<double> alpha(pairs_.size());
    for (std::size_t i = pairs_.size(); i-- > 0;) {
      const auto& [s, y] = pairs_[i];
      alpha[i] = s.dot(g) / s.dot(y);
      g -= alpha[i] * y;
    }
    const auto& [last_s, last_y] = pairs_.back();
    g *= last_s.dot(last_y) / last_y.squaredNorm();
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto& [s, y] = pairs_[i];
      g += (alpha[i] - y.dot(g) / s.dot(y)) * s;
    }
    return g;
  }
  std::deque<std::pair<Vector, Vector>> pairs_;
};

}  // namespace detail

/// The lowest φ that `steps` steps of L-BFGS find from θ; θ = middle + half · tanh(u) stays in the box.
[[nodiscard]] inline double lowest_phi(const std::function<double(const Vector&)>& phi,
                                       const std::function<Vector(const Vector&)>& phi_gradient,
                                       const Vector& theta, const Interval& box, int steps) {
  const bool bounded = box.bounded();
  const double middle = bounded ? 0.5 * (box.low + box.high) : 0,
               half = bounded ? 0.5 * (box.high - box.low) : 1;
  const auto theta_of = [=](const Vector& u) -> Vector {
    if (!bounded) return u;
    return (middle + half * u.array().tanh()).matrix();
  };
  const Vector start = bounded ? Vector(((theta.array() - middle) / half).atanh().matrix()) : theta;
  const Vector end = detail::Lbfgs::minimise(
      [&](const Vector& u, Vector& g) {
        const Vector x = theta_of(u);
        g = phi_gradient(x);
        if (bounded) g = (g.array() * half * (1 - u.array().tanh().square())).matrix();
        return phi(x);
      },
      start, steps);
  return phi(theta_of(end));
}

}  // namespace zofo::bench
