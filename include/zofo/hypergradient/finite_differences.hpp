/// @file Derivatives by extrapolated central differences (Richardson 1911; Romberg's table).
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

namespace zofo {

/// A derivative and an estimate of its absolute error (Euclidean norm).
template <class T>
struct Derivative {
  T value;       ///< the derivative
  double error;  ///< estimate of ‖value − exact‖
};

namespace detail {
inline double size_of(double x) { return std::abs(x); }
inline double size_of(const Eigen::VectorXd& x) { return x.norm(); }
}  // namespace detail

/// Step of `derivative` that balances truncation and rounding for a function of unit scale.
inline constexpr double kDifferenceStep = 0x1p-5;

/// f'(0) for f: double → double or VectorXd, from central differences at h, h/2, h/4 and h/8 with the h², h⁴
/// and h⁶ terms removed. The truncation error is of order h⁸ f⁽⁹⁾(0)/1e12, the rounding error about
/// 2ε|f|/(h/8), which is 1e-13 |f| at the default step. The reported error is the last correction plus the
/// rounding; the correction has the size of the h⁶ term and therefore overestimates the truncation error.
template <class F>
[[nodiscard]] auto derivative(const F& f, double h = kDifferenceStep) {
  using T = std::decay_t<decltype(f(0.0))>;
  constexpr std::size_t kLevels = 4;
  std::array<T, kLevels> table{};
  double largest = 0.0, step = h;
  for (std::size_t level = 0; level < kLevels; ++level, step /= 2) {
    const T plus = f(step), minus = f(-step);
    largest = std::max({largest, detail::size_of(plus), detail::size_of(minus)});
    table[level] = (plus - minus) / (2 * step);
  }
  T correction{};
  double factor = 1.0;
  for (std::size_t column = 1; column < kLevels; ++column) {
    factor *= 4;
    for (std::size_t level = kLevels - 1; level >= column; --level) {
      correction = (table[level] - table[level - 1]) / (factor - 1);
      table[level] += correction;
    }
  }
  const double rounding = 2 * std::numeric_limits<double>::epsilon() * largest / (h / 8);
  return Derivative<T>{table[kLevels - 1], detail::size_of(correction) + rounding};
}

/// Gradient of a scalar f(x) by `derivative` along each coordinate, with steps scaled by max(1, |xᵢ|).
template <class F>
[[nodiscard]] Derivative<Eigen::VectorXd> difference_gradient(const F& f, Eigen::VectorXd x,
                                                              double h = kDifferenceStep) {
  Derivative<Eigen::VectorXd> result{Eigen::VectorXd(x.size()), 0.0};
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    const double at = x[i], unit = std::max(1.0, std::abs(at));
    const auto d = derivative(
        [&](double t) -> double {
          x[i] = at + unit * t;
          return f(x);
        },
        h);
    x[i] = at;
    result.value[i] = d.value / unit;
    result.error = std::hypot(result.error, d.error / unit);
  }
  return result;
}

/// Jacobian of a vector f(x): column i is ∂f/∂xᵢ.
template <class F>
[[nodiscard]] Derivative<Eigen::MatrixXd> difference_jacobian(const F& f, Eigen::VectorXd x,
                                                              double h = kDifferenceStep) {
  Derivative<Eigen::MatrixXd> result{{}, 0.0};
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    const double at = x[i], unit = std::max(1.0, std::abs(at));
    const auto d = derivative(
        [&](double t) -> Eigen::VectorXd {
          x[i] = at + unit * t;
          return f(x);
        },
        h);
    x[i] = at;
    if (i == 0) result.value.resize(d.value.size(), x.size());
    result.value.col(i) = d.value / unit;
    result.error = std::hypot(result.error, d.error / unit);
  }
  return result;
}

}  // namespace zofo
