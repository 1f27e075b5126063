/// @file Walking over the tensors of a θ that is only read, and over those of several θs of one shape.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// Calls f(stream, data, size) for each tensor of θ, where data points to const numbers.
template <class Theta, class F>
void list_tensors(const Theta& theta, const F& f) {
  const auto read_only = [&f](std::uint32_t stream, auto* data, std::size_t n) {
    f(stream, static_cast<const std::remove_pointer_t<decltype(data)>*>(data), n);
  };
  if constexpr (requires { for_each_tensor(theta, read_only); })
    for_each_tensor(theta, read_only);
  else  // a user's type that lists itself only when it is not const; nothing is written
    for_each_tensor(const_cast<Theta&>(theta), read_only);
}

/// Calls f(stream, rows, cols, row_stride, col_stride) for each matrix of θ.
template <class Theta, class F>
void list_matrices(const Theta& theta, const F& f) {
  const auto shape_only = [&f](std::uint32_t stream, auto* /*data*/, std::size_t rows, std::size_t cols,
                               std::size_t row_stride,
                               std::size_t col_stride) { f(stream, rows, cols, row_stride, col_stride); };
  if constexpr (requires { for_each_matrix(theta, shape_only); })
    for_each_matrix(theta, shape_only);
  else  // as above
    for_each_matrix(const_cast<Theta&>(theta), shape_only);
}

/// d, the number of θ's coordinates over all tensors.
template <class Theta>
std::size_t coordinate_count(const Theta& theta) {
  std::size_t d = 0;
  list_tensors(theta, [&d](std::uint32_t, const auto*, std::size_t n) { d += n; });
  return d;
}

namespace detail {

/// to ← the numbers of `from`, also where both are views.
template <class Theta>
void copy_theta_numbers(const Theta& from, Theta& to) {
  if constexpr (View<Theta>)
    assign(from, to);
  else
    to = from;
}

inline constexpr std::size_t kTensorsPerWalk = 32;  ///< tensors looked up in one walk over a θ

/// Where a tensor is stored; its scalar type is that of the tensor of the same index in the other θ.
struct TensorAddress {
  void* data = nullptr;
  std::size_t size = 0;
};

/// The tensors first .. first + kTensorsPerWalk - 1 of θ.
template <class Theta>
std::array<TensorAddress, kTensorsPerWalk> addresses(Theta& theta, std::size_t first) {
  std::array<TensorAddress, kTensorsPerWalk> list{};
  std::size_t index = 0;
  for_each_tensor(theta, [&](std::uint32_t, auto* data, std::size_t n) {
    const std::size_t slot = index++ - first;
    if (slot < kTensorsPerWalk) list[slot] = {data, n};
  });
  return list;
}

/// f(stream, x, n, outs) for each tensor of θ, outs[j] the tensor of the same index in out j; in batches, so
/// that nothing is allocated. Throws Error where an out has another shape.
template <class Theta, class F, std::same_as<Theta>... Out>
void walk_together(const Theta& theta, const F& f, Out&... out) {
  std::size_t count = 0;
  list_tensors(theta, [&count](std::uint32_t, const auto*, std::size_t) { ++count; });
  for (std::size_t first = 0; first < count; first += kTensorsPerWalk) {
    const std::array<std::array<TensorAddress, kTensorsPerWalk>, sizeof...(Out)> list{
        addresses(out, first)...};
    std::size_t index = 0;
    list_tensors(theta, [&]<class T>(std::uint32_t stream, const T* x, std::size_t n) {
      const std::size_t slot = index++ - first;
      if (slot >= kTensorsPerWalk) return;
      std::array<T*, sizeof...(Out)> outs;
      for (std::size_t j = 0; j < sizeof...(Out); ++j) {
        require(list[j][slot].size == n, "a perturbed copy of θ: tensor {} has {} entries: θ's has {}",
                stream, list[j][slot].size, n);
        outs[j] = static_cast<T*>(list[j][slot].data);
      }
      f(stream, x, n, outs);
    });
  }
}

}  // namespace detail

}  // namespace zofo
