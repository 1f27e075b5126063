/// @file What a policy may do with θ and with adapters (DESIGN.md §3).
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace zofo {

/// A matrix or vector that owns its memory, of float or double.
template <class V>
concept EigenPlain =
    std::is_base_of_v<Eigen::PlainObjectBase<V>, V> && std::floating_point<typename V::Scalar>;

/// y ← y + a x.
template <EigenPlain V>
void axpy(double a, const V& x, V& y) {
  y += static_cast<typename V::Scalar>(a) * x;
}

/// ⟨x, y⟩ summed in double whatever the scalar.
template <EigenPlain V>
[[nodiscard]] double dot(const V& x, const V& y) {
  return x.template cast<double>().cwiseProduct(y.template cast<double>()).sum();
}

/// Euclidean (Frobenius) norm.
template <EigenPlain V>
[[nodiscard]] double norm(const V& x) {
  return std::sqrt(x.template cast<double>().squaredNorm());
}

/// x ← a x.
template <EigenPlain V>
void scale(double a, V& x) {
  x *= static_cast<typename V::Scalar>(a);
}

/// y ← x, without allocating when the shapes agree.
template <EigenPlain V>
void assign(const V& x, V& y) {
  y = x;
}

/// A zero of x's shape.
template <EigenPlain V>
[[nodiscard]] V zeros_like(const V& x) {
  return V::Zero(x.rows(), x.cols());
}

/// Calls f(stream, data, size) for each tensor of θ; an Eigen object is one tensor, stream 0.
template <EigenPlain V, class F>
void for_each_tensor(V& theta, F&& f) {
  f(std::uint32_t{0}, theta.data(), static_cast<std::size_t>(theta.size()));
}

/// Calls f(stream, data, rows, cols, row_stride, col_stride) for each matrix of θ: entry (i, j) lies at
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
  f(std::uint32_t{0}, theta.data(), static_cast<std::size_t>(theta.rows()),
    static_cast<std::size_t>(theta.cols()), static_cast<std::size_t>(theta.rowStride()),
    static_cast<std::size_t>(theta.colStride()));
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

/// Free functions found in zofo or beside the type: axpy, dot, norm, scale, assign, zeros_like.
template <class V>
concept VectorSpace = requires(const V& x, V& y, double a) {
  axpy(a, x, y);
  { dot(x, x) } -> std::convertible_to<double>;
  { norm(x) } -> std::convertible_to<double>;
  scale(a, y);
  assign(x, y);
  { zeros_like(x) } -> std::same_as<V>;
};

/// θ whose tensors a coordinatewise law can fill: `for_each_tensor(theta, f)`.
template <class Theta>
concept HasTensors = requires(Theta& theta) {
  for_each_tensor(theta, [](std::uint32_t, auto* /*data*/, std::size_t) {});
};

/// θ whose matrices have shapes that a law can use: `for_each_matrix(theta, f)`. Tensors that it leaves out
/// are vectors.
template <class Theta>
concept HasMatrices = HasTensors<Theta> && requires(Theta& theta) {
  for_each_matrix(theta,
                  [](std::uint32_t, auto* /*data*/, std::size_t, std::size_t, std::size_t, std::size_t) {});
};

/// x whose coordinates lie in one range: `coordinates(x)`.
template <class V>
concept HasCoordinates = requires(V& x) {
  { coordinates(x).size() } -> std::convertible_to<std::size_t>;
  { coordinates(x)[0] * 1.0 } -> std::convertible_to<double>;
};

}  // namespace zofo
