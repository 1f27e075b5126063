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

namespace zofo::detail {

/// f(stream, data, size) for each tensor of a const θ, data to const. A type that lists itself only when it
/// is not const is listed that way, and nothing is written.
template <class Theta, class F>
void list_tensors(const Theta& theta, const F& f) {
  const auto read_only = [&f](std::uint32_t stream, auto* data, std::size_t n) {
    f(stream, static_cast<const std::remove_pointer_t<decltype(data)>*>(data), n);
  };
  if constexpr (requires { for_each_tensor(theta, read_only); })
    for_each_tensor(theta, read_only);
  else
    for_each_tensor(const_cast<Theta&>(theta), read_only);
}

/// f(stream, rows, cols, row_stride, col_stride) for each matrix of θ.
template <class Theta, class F>
void list_matrices(const Theta& theta, const F& f) {
  const auto shape_only = [&f](std::uint32_t stream, auto* /*data*/, std::size_t rows, std::size_t cols,
                               std::size_t row_stride,
                               std::size_t col_stride) { f(stream, rows, cols, row_stride, col_stride); };
  if constexpr (requires { for_each_matrix(theta, shape_only); })
    for_each_matrix(theta, shape_only);
  else
    for_each_matrix(const_cast<Theta&>(theta), shape_only);
}

/// d, the number of θ's coordinates over all tensors.
template <class Theta>
std::size_t coordinate_count(const Theta& theta) {
  std::size_t d = 0;
  list_tensors(theta, [&d](std::uint32_t, const auto*, std::size_t n) { d += n; });
  return d;
}

inline constexpr std::size_t kPlaces = 32;  ///< tensors looked up in one walk over a θ

/// Where a tensor lies; its scalar type is that of the tensor of the same index in the θ walked beside it.
struct Place {
  void* data = nullptr;
  std::size_t size = 0;
};

/// The tensors first .. first + kPlaces - 1 of θ.
template <class Theta>
std::array<Place, kPlaces> places(Theta& theta, std::size_t first) {
  std::array<Place, kPlaces> list{};
  std::size_t index = 0;
  for_each_tensor(theta, [&](std::uint32_t, auto* data, std::size_t n) {
    const std::size_t place = index++ - first;
    if (place < kPlaces) list[place] = {data, n};
  });
  return list;
}

/// f(stream, x, n, outs) for each tensor of θ, outs[j] the tensor of the same index in out j; in batches, so
/// that nothing is allocated. Throws Error where an out has another shape.
template <class Theta, class F, std::same_as<Theta>... Out>
void walk_beside(const Theta& theta, const F& f, Out&... out) {
  std::size_t count = 0;
  list_tensors(theta, [&count](std::uint32_t, const auto*, std::size_t) { ++count; });
  for (std::size_t first = 0; first < count; first += kPlaces) {
    const std::array<std::array<Place, kPlaces>, sizeof...(Out)> list{places(out, first)...};
    std::size_t index = 0;
    list_tensors(theta, [&]<class T>(std::uint32_t stream, const T* x, std::size_t n) {
      const std::size_t place = index++ - first;
      if (place >= kPlaces) return;
      std::array<T*, sizeof...(Out)> outs;
      for (std::size_t j = 0; j < sizeof...(Out); ++j) {
        require(list[j][place].size == n, "a moved copy of θ: tensor {} has {} entries: θ's has {}", stream,
                list[j][place].size, n);
        outs[j] = static_cast<T*>(list[j][place].data);
      }
      f(stream, x, n, outs);
    });
  }
}

}  // namespace zofo::detail
