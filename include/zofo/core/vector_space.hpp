/// @file The operations of policies on θ and on adapters.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo {

namespace detail {

template <class V>
struct OwnedOf {
  using Type = V;
};
template <class M, int Options>
  requires(!std::is_const_v<M>)
struct OwnedOf<Eigen::Map<M, Options, Eigen::Stride<0, 0>>> {
  using Type = M;
};
// A Ref of a matrix may have gaps between its columns; one of a vector with this stride has none.
template <class M, int Options>
  requires(!std::is_const_v<M>)
struct OwnedOf<Eigen::Ref<M, Options, Eigen::InnerStride<1>>> {
  using Type = M;
};
template <class T>
  requires(!std::is_const_v<T>)
struct OwnedOf<std::span<T>> {
  using Type = std::vector<T>;
};

}  // namespace detail

/// The type that owns numbers in V's shape: V itself, or, for a view (Eigen::Map, Eigen::Ref of a vector,
/// std::span), the matrix or the vector type that it refers to.
template <class V>
using Owned = typename detail::OwnedOf<V>::Type;

/// Refers to numbers that another object owns: copying it copies no number.
template <class V>
concept View = !std::same_as<Owned<V>, V>;

/// An Eigen matrix or vector of float or double without gaps: one that owns its memory, an Eigen::Map without
/// strides, or an Eigen::Ref of a vector.
template <class V>
concept EigenPlain = std::is_base_of_v<Eigen::PlainObjectBase<Owned<V>>, Owned<V>> &&
                     std::floating_point<typename Owned<V>::Scalar>;

/// A std::vector or a std::span of float or double.
template <class V>
concept NumberRange =
    std::same_as<Owned<V>, std::vector<float>> || std::same_as<Owned<V>, std::vector<double>>;

/// y ← y + a x.
template <EigenPlain X, EigenPlain Y>
void axpy(double a, const X& x, Y& y) {
  y += static_cast<typename Y::Scalar>(a) * x;
}
/// y ← y + a x. Throws Error unless both are as long.
template <NumberRange X, NumberRange Y>
void axpy(double a, const X& x, Y& y) {
  using T = typename Y::value_type;
  require(x.size() == y.size(), "axpy: x has {} numbers, y {}: must be as many", x.size(), y.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] += static_cast<T>(a) * static_cast<T>(x[i]);
}

/// ⟨x, y⟩, summed in double for every scalar type.
template <EigenPlain X, EigenPlain Y>
[[nodiscard]] double dot(const X& x, const Y& y) {
  return x.template cast<double>().cwiseProduct(y.template cast<double>()).sum();
}
/// ⟨x, y⟩, summed in double for every scalar type. Throws Error unless both are as long.
template <NumberRange X, NumberRange Y>
[[nodiscard]] double dot(const X& x, const Y& y) {
  require(x.size() == y.size(), "dot: x has {} numbers, y {}: must be as many", x.size(), y.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return sum;
}

/// Euclidean (Frobenius) norm.
template <EigenPlain V>
[[nodiscard]] double norm(const V& x) {
  return std::sqrt(x.template cast<double>().squaredNorm());
}
/// Euclidean norm.
template <NumberRange V>
[[nodiscard]] double norm(const V& x) {
  return std::sqrt(dot(x, x));
}

/// x ← a x.
template <EigenPlain V>
void scale(double a, V& x) {
  x *= static_cast<typename V::Scalar>(a);
}
/// x ← a x.
template <NumberRange V>
void scale(double a, V& x) {
  for (auto& number : x) number *= static_cast<typename V::value_type>(a);
}

/// y ← x, without allocating when the shapes agree. Throws Error when y is a view of another size.
template <EigenPlain X, EigenPlain Y>
void assign(const X& x, Y& y) {
  if constexpr (View<Y>)
    require(x.rows() == y.rows() && x.cols() == y.cols(), "assign: x is {} x {}, y a view of {} x {}",
            x.rows(), x.cols(), y.rows(), y.cols());
  y = x;
}
/// y ← x, without allocating when the sizes agree. Throws Error when y is a view of another size.
template <NumberRange X, NumberRange Y>
void assign(const X& x, Y& y) {
  if constexpr (View<Y>)
    require(x.size() == y.size(), "assign: x has {} numbers, y is a view of {}", x.size(), y.size());
  else
    y.resize(x.size());
  std::copy(x.begin(), x.end(), y.begin());
}

/// A zero of x's shape, which owns its numbers.
template <EigenPlain V>
[[nodiscard]] Owned<V> zeros_like(const V& x) {
  return Owned<V>::Zero(x.rows(), x.cols());
}
/// A zero of x's size, which owns its numbers.
template <NumberRange V>
[[nodiscard]] Owned<V> zeros_like(const V& x) {
  return Owned<V>(x.size());
}

/// y ← the numbers that the view x refers to.
template <View V>
void copy_numbers(const V& x, Owned<V>& y) {
  assign(x, y);
}
/// A view of all numbers in `owned`.
template <View V>
[[nodiscard]] V view_of(Owned<V>& owned) {
  if constexpr (NumberRange<V>)
    return V(owned);
  else if constexpr (std::is_constructible_v<V, Owned<V>&>)
    return V(owned);
  else
    return V(owned.data(), owned.rows(), owned.cols());
}

/// Calls f(stream, data, size) for each tensor of θ; an Eigen object is one tensor, stream 0.
template <EigenPlain V, class F>
void for_each_tensor(V& theta, F&& f) {
  f(std::uint32_t{0}, theta.data(), static_cast<std::size_t>(theta.size()));
}
/// The same for a θ that is only read.
template <EigenPlain V, class F>
void for_each_tensor(const V& theta, F&& f) {
  f(std::uint32_t{0}, static_cast<const typename V::Scalar*>(theta.data()),
    static_cast<std::size_t>(theta.size()));
}
/// A vector or a span is one tensor, stream 0.
template <NumberRange V, class F>
void for_each_tensor(V& theta, F&& f) {
  f(std::uint32_t{0}, theta.data(), theta.size());
}
/// The same for a θ that is only read.
template <NumberRange V, class F>
void for_each_tensor(const V& theta, F&& f) {
  f(std::uint32_t{0}, static_cast<const typename V::value_type*>(theta.data()), theta.size());
}

/// Calls f(stream, data, rows, cols, row_stride, col_stride) for each matrix of θ: entry (i, j) is
/// data[i row_stride + j col_stride]. An Eigen object is one matrix; one row or one column is a vector.
template <EigenPlain V, class F>
void for_each_matrix(V& theta, F&& f) {
  f(std::uint32_t{0}, theta.data(), static_cast<std::size_t>(theta.rows()),
    static_cast<std::size_t>(theta.cols()), static_cast<std::size_t>(theta.rowStride()),
    static_cast<std::size_t>(theta.colStride()));
}
/// The same for a θ that is only read.
template <EigenPlain V, class F>
void for_each_matrix(const V& theta, F&& f) {
  f(std::uint32_t{0}, static_cast<const typename V::Scalar*>(theta.data()),
    static_cast<std::size_t>(theta.rows()), static_cast<std::size_t>(theta.cols()),
    static_cast<std::size_t>(theta.rowStride()), static_cast<std::size_t>(theta.colStride()));
}

/// All coordinates of x as one contiguous range.
template <EigenPlain V>
[[nodiscard]] std::span<typename V::Scalar> coordinates(V& x) {
  return {x.data(), static_cast<std::size_t>(x.size())};
}
/// All coordinates of x as one contiguous range.
template <EigenPlain V>
[[nodiscard]] std::span<const typename V::Scalar> coordinates(const V& x) {
  return {x.data(), static_cast<std::size_t>(x.size())};
}
/// All numbers of x.
template <NumberRange V>
[[nodiscard]] std::span<typename V::value_type> coordinates(V& x) {
  return {x.data(), x.size()};
}
/// All numbers of x.
template <NumberRange V>
[[nodiscard]] std::span<const typename V::value_type> coordinates(const V& x) {
  return {x.data(), x.size()};
}

/// Free functions found in zofo or next to the type: axpy, dot, norm, scale, assign, zeros_like. The zero of
/// a view (concept View) owns its numbers.
template <class V>
concept VectorSpace = requires(const V& x, V& y, double a) {
  axpy(a, x, y);
  { dot(x, x) } -> std::convertible_to<double>;
  { norm(x) } -> std::convertible_to<double>;
  scale(a, y);
  assign(x, y);
  { zeros_like(x) } -> std::same_as<Owned<V>>;
};

/// θ whose tensors a perturbation can fill: `for_each_tensor(theta, f)` calls f(stream, data, size) for each,
/// data a pointer to float or double. With an overload for a const θ no cast is needed where θ is only read.
template <class Theta>
concept HasTensors =
    requires(Theta& theta) { for_each_tensor(theta, [](std::uint32_t, auto* /*data*/, std::size_t) {}); };

/// θ whose matrices have shapes that a perturbation can use: `for_each_matrix(theta, f)`. Tensors that it
/// leaves out are vectors.
template <class Theta>
concept HasMatrices = HasTensors<Theta> && requires(Theta& theta) {
  for_each_matrix(theta,
                  [](std::uint32_t, auto* /*data*/, std::size_t, std::size_t, std::size_t, std::size_t) {});
};

/// x whose coordinates form one range: `coordinates(x)`.
template <class V>
concept HasCoordinates = requires(V& x) {
  { coordinates(x).size() } -> std::convertible_to<std::size_t>;
  { coordinates(x)[0] * 1.0 } -> std::convertible_to<double>;
};

}  // namespace zofo
