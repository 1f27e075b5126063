/// @file x + a z of one tensor, z generated a block at a time, in the pass that adds it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/direction.hpp"
#include "zofo/perturb/parallel_for.hpp"

namespace zofo::detail {

/// A perturbation with its own kernel for x ← x + a z on a range.
template <class D, class T>
concept HasFusedAdd = requires(const D& perturbation, Direction direction, T a, T* x, std::size_t n) {
  perturbation.add_range(direction, std::uint32_t{0}, std::uint64_t{0}, a, x, n);
};

/// A perturbation with its own kernel for out ← x + a z on a range.
template <class D, class T>
concept HasFusedWrite =
    requires(const D& perturbation, Direction direction, T a, const T* x, T* out, std::size_t n) {
      perturbation.write_range(direction, std::uint32_t{0}, std::uint64_t{0}, a, x, out, n);
    };

/// A perturbation with its own kernel for plus ← x + a z, minus ← x − a z on a range.
template <class D, class T>
concept HasFusedPair =
    requires(const D& perturbation, Direction direction, T a, const T* x, T* out, std::size_t n) {
      perturbation.pair_range(direction, std::uint32_t{0}, std::uint64_t{0}, a, x, out, out, n);
    };

/// Calls use(first, z, size) on blocks of a tensor of n entries.
template <class T, class D, class Use>
void with_noise(const D& perturbation, Direction direction, std::uint32_t tensor, std::size_t n,
                const Use& use) {
  for_each_block(n, [&](std::size_t first, std::size_t size) {
    alignas(64) T z[kBlock];
    perturbation.fill(direction, tensor, first, z, size);
    use(first, static_cast<const T*>(z), size);
  });
}

/// x ← x + a z.
template <class D, class T>
void add_to_tensor(const D& perturbation, Direction direction, std::uint32_t tensor, double a, T* x,
                   std::size_t n) {
  const T factor = static_cast<T>(a);
  if constexpr (HasFusedAdd<D, T>) {
    for_each_chunk(n, [&](std::size_t first, std::size_t size) {
      perturbation.add_range(direction, tensor, first, factor, x + first, size);
    });
  } else {
    with_noise<T>(perturbation, direction, tensor, n,
                  [x, factor](std::size_t first, const T* z, std::size_t size) {
                    T* const at = x + first;
                    for (std::size_t i = 0; i < size; ++i) at[i] += factor * z[i];
                  });
  }
}

/// out ← x + a z.
template <class D, class T>
void write_tensor(const D& perturbation, Direction direction, std::uint32_t tensor, double a, const T* x,
                  T* out, std::size_t n) {
  const T factor = static_cast<T>(a);
  if constexpr (HasFusedWrite<D, T>) {
    for_each_chunk(n, [&](std::size_t first, std::size_t size) {
      perturbation.write_range(direction, tensor, first, factor, x + first, out + first, size);
    });
  } else {
    with_noise<T>(perturbation, direction, tensor, n, [=](std::size_t first, const T* z, std::size_t size) {
      for (std::size_t i = 0; i < size; ++i) out[first + i] = x[first + i] + factor * z[i];
    });
  }
}

/// plus ← x + a z, minus ← x − a z. `plus` or `minus` may be `x` itself.
template <class D, class T>
void write_tensor_pair(const D& perturbation, Direction direction, std::uint32_t tensor, double a, const T* x,
                       T* plus, T* minus, std::size_t n) {
  const T factor = static_cast<T>(a);
  if constexpr (HasFusedPair<D, T>) {
    for_each_chunk(n, [&](std::size_t first, std::size_t size) {
      perturbation.pair_range(direction, tensor, first, factor, x + first, plus + first, minus + first, size);
    });
  } else {
    with_noise<T>(perturbation, direction, tensor, n, [=](std::size_t first, const T* z, std::size_t size) {
      for (std::size_t i = first; i < first + size; ++i) {
        const T centre = x[i], noise = z[i - first];
        plus[i] = centre + factor * noise;
        minus[i] = centre - factor * noise;
      }
    });
  }
}

}  // namespace zofo::detail
