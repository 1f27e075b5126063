/// @file Concepts of direction laws, and the fused update that coordinatewise ones share.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "zofo/core/direction.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// `add(θ, direction, a)`: θ ← θ + a z(direction); `second_moment_factor(d)`: E‖ĝ‖²/‖∇f‖² on a linear f (E3).
template <class D, class Theta>
concept Perturbation = requires(const D& law, Theta& theta, Direction direction, double a, std::size_t d) {
  law.add(theta, direction, a);
  { law.second_moment_factor(d) } -> std::convertible_to<double>;
};

/// `fill(direction, tensor, offset, z, n)`: any piece of z, of any tensor, on its own.
template <class D>
concept CoordinatewiseLaw = requires(const D& law, Direction direction, std::uint32_t tensor,
                                     std::uint64_t offset, float* z, double* wide, std::size_t n) {
  law.fill(direction, tensor, offset, z, n);
  law.fill(direction, tensor, offset, wide, n);
};

namespace detail {

inline constexpr std::size_t kChunk = std::size_t{1} << 16U;  ///< coordinates a thread takes at a time
inline constexpr std::size_t kBlock = 1024;                   ///< noise kept at once: stays in the L1 cache

/// Calls body(first, size) on chunks of [0, n), shared among OpenMP threads.
template <class Body>
void for_each_chunk(std::size_t n, const Body& body) {
  const auto chunks = static_cast<std::int64_t>((n + kChunk - 1) / kChunk);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (chunks > 1)
#endif
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::size_t first = static_cast<std::size_t>(chunk) * kChunk;
    body(first, std::min(kChunk, n - first));
  }
}

/// Calls body(first, size) on blocks of the chunks of [0, n).
template <class Body>
void for_each_block(std::size_t n, const Body& body) {
  for_each_chunk(n, [&body](std::size_t begin, std::size_t size) {
    for (std::size_t done = 0; done < size; done += kBlock) body(begin + done, std::min(kBlock, size - done));
  });
}

/// A law with a kernel of its own for x ← x + a z on a range.
template <class Law, class T>
concept HasFusedAdd = requires(const Law& law, Direction direction, T a, T* x, std::size_t n) {
  law.add_range(direction, std::uint32_t{0}, std::uint64_t{0}, a, x, n);
};

/// x ← x + a z for one tensor: noise is generated a block at a time beside the weights it moves.
template <class Law, class T>
void add_to_tensor(const Law& law, Direction direction, std::uint32_t tensor, double a, T* x, std::size_t n) {
  const T factor = static_cast<T>(a);
  if constexpr (HasFusedAdd<Law, T>) {
    for_each_chunk(n, [&](std::size_t first, std::size_t size) {
      law.add_range(direction, tensor, first, factor, x + first, size);
    });
  } else {
    for_each_block(n, [&](std::size_t first, std::size_t size) {
      alignas(64) T z[kBlock];
      law.fill(direction, tensor, first, z, size);
      T* const block = x + first;
      for (std::size_t i = 0; i < size; ++i) block[i] += factor * z[i];
    });
  }
}

}  // namespace detail

template <CoordinatewiseLaw Law, class Theta>
const Law& bind(const Law& law, const Theta&, Direction) {
  return law;
}

/// θ ← θ + a z(direction), fused with generation; what a coordinatewise law's `add` does.
template <CoordinatewiseLaw Law, HasTensors Theta>
void add_coordinatewise(const Law& law, Theta& theta, Direction direction, double a) {
  for_each_tensor(theta, [&](std::uint32_t tensor, auto* x, std::size_t n) {
    detail::add_to_tensor(law, direction, tensor, a, x, n);
  });
}

}  // namespace zofo
