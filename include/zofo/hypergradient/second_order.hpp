/// @file Optional derivatives of a bilevel problem, as dense matrices over the coordinates of θ and p.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <concepts>
#include <cstddef>

#include "zofo/core/problem.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// A vector whose coordinates are doubles in one range: what the reference can differentiate.
template <class V>
concept DoubleCoordinates = HasCoordinates<V> && std::copyable<V> && requires(V& x) {
  { coordinates(x)[0] } -> std::same_as<double&>;
};

/// ∇_θ F and ∇_θ G.
template <class B>
concept HasThetaGradients = requires(const B& b, const typename B::Theta& theta, const typename B::Adapter& p) {
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
  const auto entries = coordinates(x);
  return Eigen::Map<const Eigen::VectorXd>(entries.data(), static_cast<Eigen::Index>(entries.size()));
}
template <class V>
void unflatten(const Eigen::VectorXd& flat, V& x) {
  const auto entries = coordinates(x);
  std::copy_n(flat.data(), entries.size(), entries.data());
}

// Oracles of a mini-batch take the sample; those that have none need not.
#define ZOFO_ORACLE(name)                                                           \
  template <class B>                                                                \
  auto name(const B& b, const typename B::Theta& theta, const typename B::Adapter& p, \
            [[maybe_unused]] BatchKey sample) {                                       \
    if constexpr (requires { b.name(theta, p, sample); })                           \
      return b.name(theta, p, sample);                                              \
    else                                                                            \
      return b.name(theta, p);                                                      \
  }
ZOFO_ORACLE(upper_theta_gradient)
ZOFO_ORACLE(lower_theta_gradient)
ZOFO_ORACLE(lower_hessian)
ZOFO_ORACLE(upper_hessian)
ZOFO_ORACLE(lower_cross)
#undef ZOFO_ORACLE

}  // namespace detail
}  // namespace zofo
