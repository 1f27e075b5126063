/// @file Stationary points of a function of one variable: a dense scan, with bisection at each change of
/// sign.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::problems {

/// A stationary point of a function of one variable.
struct StationaryPoint {
  double x;      ///< position
  double value;  ///< the function at x
  bool minimum;  ///< whether the derivative changes from negative to positive
};

namespace detail {

/// The zero of f between a and b, where f has opposite signs, to neighbouring doubles.
template <class F>
double bisect(const F& f, double a, double b) {
  const bool negative = f(a) < 0;
  for (;;) {
    const double middle = a + 0.5 * (b - a);
    if (middle == a || middle == b) return std::abs(f(a)) < std::abs(f(b)) ? a : b;
    const double value = f(middle);
    if (value == 0.0) return middle;
    ((value < 0) == negative ? a : b) = middle;
  }
}

}  // namespace detail

/// Zeros of `derivative` in [low, high] with a change of sign between two of n + 1 equidistant points, in
/// ascending order. Two zeros within one interval are missed: choose n for many intervals per period. Throws
/// Error unless low < high, both finite, and n ≥ 1.
template <class Value, class Slope>
[[nodiscard]] std::vector<StationaryPoint> scan_stationary(const Value& value, const Slope& derivative,
                                                           double low, double high, std::size_t n) {
  require(std::isfinite(low) && std::isfinite(high) && low < high,
          "scan: low = {}, high = {}: must be finite, low below high", low, high);
  require(n >= 1, "scan: n = {}: must be at least 1", n);
  const auto at = [&](std::size_t i) {
    return i == n ? high : low + (high - low) * (static_cast<double>(i) / static_cast<double>(n));
  };
  std::vector<StationaryPoint> found;
  double left = at(0), left_slope = derivative(left);
  for (std::size_t i = 1; i <= n; ++i) {
    const double right = at(i), right_slope = derivative(right);
    // A zero on the grid is left to the next interval, whose left end then keeps the last sign that was not
    // zero.
    if (right_slope == 0.0) continue;
    if (left_slope != 0.0 && (left_slope < 0) != (right_slope < 0)) {
      const double x = detail::bisect(derivative, left, right);
      found.push_back({x, value(x), left_slope < 0});
    }
    left = right;
    left_slope = right_slope;
  }
  return found;
}

}  // namespace zofo::problems
