/// @file NumPy arrays as θ, adapters and gradients: C++ reads and writes the memory of the arrays themselves.
#pragma once

#include <nanobind/nanobind.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::python {

namespace nb = nanobind;

/// str(object); the caller holds the GIL.
std::string text_of(const nb::object& object);

/// Owns a reference to a Python object. May be copied and destroyed by a thread that does not hold the GIL.
class Reference {
 public:
  Reference() = default;
  /// Takes over the reference; the caller holds the GIL.
  explicit Reference(nb::object object) : object_(object.release().ptr()) {}
  Reference(const Reference& other);
  Reference(Reference&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Reference& operator=(Reference other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Reference();

  /// Whether there is no object.
  [[nodiscard]] bool empty() const { return object_ == nullptr; }
  /// The object; the caller holds the GIL.
  [[nodiscard]] nb::handle get() const { return object_; }

 private:
  PyObject* object_ = nullptr;
};

/// A contiguous NumPy array of float or double, whose memory is used in place. A copy has a new array.
class Array {
 public:
  /// Refers to the array of a caller who holds the GIL. Throws Error naming `name` for an object that is no
  /// array, another dtype or byte order, gaps between the numbers, or memory that must not be written.
  Array(nb::handle array, const std::string& name);
  /// Zeros of the shape and dtype of `other`.
  static Array zeros_like(const Array& other);
  Array(const Array& other);
  Array(Array&& other) noexcept;
  /// Copies the numbers if shape and dtype agree: the memory stays the same. Else has a new array.
  Array& operator=(const Array& other);
  /// As the copy if shape and dtype agree, else takes over the other's array.
  Array& operator=(Array&& other) noexcept;
  ~Array() = default;

  /// The first number.
  [[nodiscard]] void* data() const { return data_; }
  /// Number of entries.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// The lengths of the axes.
  [[nodiscard]] const std::vector<std::size_t>& shape() const { return shape_; }
  /// True for double, false for float.
  [[nodiscard]] bool wide() const { return wide_; }
  /// The array; the caller holds the GIL.
  [[nodiscard]] nb::handle writable() const { return array_.get(); }
  /// A view of the same memory that Python cannot write to; the caller holds the GIL.
  [[nodiscard]] nb::handle read_only() const;

 private:
  Array() = default;
  [[nodiscard]] bool like(const Array& other) const { return wide_ == other.wide_ && shape_ == other.shape_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * (wide_ ? sizeof(double) : sizeof(float)); }
  void take(nb::object array);

  Reference array_;
  mutable Reference view_;  // made when it is first asked for
  void* data_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::size_t> shape_;
  bool wide_ = true;
};

/// θ: an array, or a tuple, list or dict of arrays, each a tensor.
class Theta {
 public:
  /// Refers to the arrays of a caller who holds the GIL. Throws Error as Array does.
  explicit Theta(nb::handle given);
  Theta(const Theta&) = default;
  Theta(Theta&&) noexcept = default;
  /// Copies the numbers of tensors of the same shape and dtype, whose memory stays the same.
  Theta& operator=(const Theta& other) = default;
  /// As the copy: the memory stays the same.
  Theta& operator=(Theta&& other) noexcept;
  ~Theta() = default;

  /// θ as callables receive it: read-only views in the form in which θ was given. The caller holds the GIL.
  [[nodiscard]] nb::object shown() const;
  /// The tensors.
  [[nodiscard]] std::vector<Array>& tensors() { return tensors_; }
  /// The tensors, to read.
  [[nodiscard]] const std::vector<Array>& tensors() const { return tensors_; }

 private:
  std::vector<Array> tensors_;
  std::vector<std::string> names_;  // of a dict
  bool several_ = false;
};

/// Calls f(number of the tensor, data, size) for each tensor.
template <class F>
void for_each_tensor(Theta& theta, F&& f) {
  std::uint32_t number = 0;
  for (Array& tensor : theta.tensors()) {
    if (tensor.wide())
      f(number++, static_cast<double*>(tensor.data()), tensor.size());
    else
      f(number++, static_cast<float*>(tensor.data()), tensor.size());
  }
}
/// The same for a θ that is only read.
template <class F>
void for_each_tensor(const Theta& theta, F&& f) {
  std::uint32_t number = 0;
  for (const Array& tensor : theta.tensors()) {
    if (tensor.wide())
      f(number++, static_cast<const double*>(tensor.data()), tensor.size());
    else
      f(number++, static_cast<const float*>(tensor.data()), tensor.size());
  }
}
/// Calls f(number of the tensor, data, rows, columns, row stride, column stride) for each array of two axes.
template <class F>
void for_each_matrix(Theta& theta, F&& f) {
  std::uint32_t number = 0;
  for (Array& tensor : theta.tensors()) {
    const std::uint32_t stream = number++;
    if (tensor.shape().size() != 2) continue;
    const std::size_t rows = tensor.shape()[0], columns = tensor.shape()[1];
    if (tensor.wide())
      f(stream, static_cast<double*>(tensor.data()), rows, columns, columns, std::size_t{1});
    else
      f(stream, static_cast<float*>(tensor.data()), rows, columns, columns, std::size_t{1});
  }
}

/// An adapter or its gradient: an array of T.
template <class T>
class Vector : public Array {
 public:
  using Scalar = T;                                          ///< float or double
  using Map = Eigen::Map<Eigen::Vector<T, Eigen::Dynamic>>;  ///< the numbers as one vector

  /// As Array; also throws Error unless the array has entries of T.
  Vector(nb::handle array, const std::string& name) : Array(array, name) {
    require(wide() == std::is_same_v<T, double>, "{}: dtype {}: must be {}, as the other adapters", name,
            wide() ? "float64" : "float32", wide() ? "float32" : "float64");
  }
  /// From an array that has entries of T.
  explicit Vector(Array array) : Array(std::move(array)) {}

  /// The numbers as one vector.
  [[nodiscard]] Map map() const { return {static_cast<T*>(data()), static_cast<Eigen::Index>(size())}; }
};

/// y ← y + a x.
template <class T>
void axpy(double a, const Vector<T>& x, Vector<T>& y) {
  require(x.size() == y.size(), "axpy: x has {} numbers, y {}: must be as many", x.size(), y.size());
  y.map() += static_cast<T>(a) * x.map();
}
/// ⟨x, y⟩, summed in double.
template <class T>
[[nodiscard]] double dot(const Vector<T>& x, const Vector<T>& y) {
  require(x.size() == y.size(), "dot: x has {} numbers, y {}: must be as many", x.size(), y.size());
  return x.map().template cast<double>().cwiseProduct(y.map().template cast<double>()).sum();
}
/// Euclidean norm.
template <class T>
[[nodiscard]] double norm(const Vector<T>& x) {
  return std::sqrt(x.map().template cast<double>().squaredNorm());
}
/// x ← a x.
template <class T>
void scale(double a, Vector<T>& x) {
  x.map() *= static_cast<T>(a);
}
/// y ← x.
template <class T>
void assign(const Vector<T>& x, Vector<T>& y) {
  y = x;
}
/// Zeros of x's shape.
template <class T>
[[nodiscard]] Vector<T> zeros_like(const Vector<T>& x) {
  return Vector<T>(Array::zeros_like(x));
}
/// All numbers of x.
template <class T>
[[nodiscard]] std::span<T> coordinates(Vector<T>& x) {
  return {static_cast<T*>(x.data()), x.size()};
}
/// All numbers of x.
template <class T>
[[nodiscard]] std::span<const T> coordinates(const Vector<T>& x) {
  return {static_cast<const T*>(x.data()), x.size()};
}

}  // namespace zofo::python
