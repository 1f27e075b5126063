/// @file Optional derivatives of a bilevel problem, as dense matrices over the coordinates of θ and p.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// A vector whose coordinates are doubles in one range.
template <class V>
concept DoubleRange = HasCoordinates<V> && requires(V& x) {
  { coordinates(x)[0] } -> std::same_as<double&>;
};
/// A vector whose tensors hold doubles: `for_each_tensor(x, f)` calls f(stream, double*, size).
template <class V>
concept DoubleTensors =
    requires(V& x) { for_each_tensor(x, [](std::uint32_t, double* /*data*/, std::size_t) {}); };
/// A vector that can be differentiated: one range of doubles, or tensors of doubles (a user's θ).
template <class V>
concept DoubleCoordinates = std::copyable<V> && (DoubleRange<V> || DoubleTensors<V>);

/// ∇_θ F and ∇_θ G.
template <class B>
concept HasThetaGradients =
    requires(const B& b, const typename B::Theta& theta, const typename B::Adapter& p) {
      { b.upper_theta_gradient(theta, p) } -> std::convertible_to<typename B::Theta>;
      { b.lower_theta_gradient(theta, p) } -> std::convertible_to<typename B::Theta>;
    };

/// ∂²G/∂p² (m×m), ∂²F/∂p² (m×m) and ∂²G/∂p∂θ (m×d), each at (θ, p).
template <class B>
concept HasSecondOrder = requires(const B& b, const typename B::Theta& theta, const typename B::Adapter& p) {
  { b.lower_hessian(theta, p) } -> std::convertible_to<Eigen::MatrixXd>;
  { b.upper_hessian(theta, p) } -> std::convertible_to<Eigen::MatrixXd>;
  { b.lower_cross(theta, p) } -> std::convertible_to<Eigen::MatrixXd>;
};

namespace detail {

template <class V>
[[nodiscard]] Eigen::VectorXd flat(const V& x) {
  if constexpr (DoubleRange<V>) {
    const auto entries = coordinates(x);
    return Eigen::Map<const Eigen::VectorXd>(entries.data(), static_cast<Eigen::Index>(entries.size()));
  } else {
    V copy = x;  // a user's type may list its tensors only for objects that are not const
    std::vector<double> entries;
    for_each_tensor(copy, [&](std::uint32_t, const double* data, std::size_t n) {
      entries.insert(entries.end(), data, data + n);
    });
    return Eigen::Map<const Eigen::VectorXd>(entries.data(), static_cast<Eigen::Index>(entries.size()));
  }
}
template <class V>
void unflatten(const Eigen::VectorXd& flat, V& x) {
  if constexpr (DoubleRange<V>) {
    const auto entries = coordinates(x);
    std::copy_n(flat.data(), entries.size(), entries.data());
  } else {
    const double* from = flat.data();
    for_each_tensor(x, [&](std::uint32_t, double* data, std::size_t n) {
      std::copy_n(from, n, data);
      from += n;
    });
  }
}

/// Defines name(problem, θ, p, sample), which passes the sample only to a derivative that takes one.
#define ZOFO_ORACLE(name)                                                             \
  template <class B>                                                                  \
  auto name(const B& b, const typename B::Theta& theta, const typename B::Adapter& p, \
            [[maybe_unused]] BatchKey sample) {                                       \
    if constexpr (requires { b.name(theta, p, sample); })                             \
      return b.name(theta, p, sample);                                                \
    else                                                                              \
      return b.name(theta, p);                                                        \
  }
ZOFO_ORACLE(upper_theta_gradient)
ZOFO_ORACLE(lower_theta_gradient)
ZOFO_ORACLE(lower_hessian)
ZOFO_ORACLE(upper_hessian)
ZOFO_ORACLE(lower_cross)
#undef ZOFO_ORACLE

}  // namespace detail
}  // namespace zofo
