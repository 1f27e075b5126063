/// @file Derivatives by central differences, extrapolated (Richardson 1911; Romberg's table).
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace zofo {

/// A derivative and an estimate of its absolute error (Euclidean norm).
template <class T>
struct Derivative {
  T value;
  double error;
};

namespace detail {
inline double size_of(double x) { return std::abs(x); }
inline double size_of(const Eigen::VectorXd& x) { return x.norm(); }
}  // namespace detail

/// Step of `derivative` that balances its two errors for a function of unit scale.
inline constexpr double kDifferenceStep = 0x1p-6;

/// f'(0) for f: double → double or VectorXd, from central differences at h, h/2 and h/4 with the h² and h⁴
/// terms removed: the error is h⁶ f⁽⁷⁾(0)/322560 and rounding of about 2ε|f|/(h/4), some 1e-13 |f| at the
/// default step. The reported error is the last correction, which is the size of the h⁴ term and so too large
/// rather than too small, plus the rounding.
template <class F>
[[nodiscard]] auto derivative(const F& f, double h = kDifferenceStep) {
  using T = std::decay_t<decltype(f(0.0))>;
  double largest = 0.0;
  const auto central = [&](double step) -> T {
    const T plus = f(step), minus = f(-step);
    largest = std::max({largest, detail::size_of(plus), detail::size_of(minus)});
    return (plus - minus) / (2 * step);
  };
  const T whole = central(h), half = central(h / 2), quarter = central(h / 4);
  const T first = (4 * half - whole) / 3, second = (4 * quarter - half) / 3;
  const T value = (16 * second - first) / 15;
  const T correction = value - second;
  const double rounding = 2 * std::numeric_limits<double>::epsilon() * largest / (h / 4);
  return Derivative<T>{value, detail::size_of(correction) + rounding};
}

/// Gradient of a scalar f(x) by `derivative` along each coordinate, steps scaled with max(1, |xᵢ|).
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
