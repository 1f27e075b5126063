/// @file Gaussian directions.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "zofo/core/random.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// z with independent standard normal entries (Nesterov & Spokoiny 2017). The default distribution.
struct Gaussian {
  /// z_i for i in [offset, offset + n) of one tensor; the values do not depend on how the range is split.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    normals(direction, tensor, offset, z, n);
  }
  /// x_k ← x_k + a z_i on the same range without storing z; single precision has a kernel for it.
  void add_range(Direction direction, std::uint32_t tensor, std::uint64_t offset, std::same_as<float> auto a,
                 float* x, std::size_t n) const {
    add_normals(direction, tensor, offset, a, x, n);
  }
  /// out_k ← x_k + a z_i on the same range.
  void write_range(Direction direction, std::uint32_t tensor, std::uint64_t offset,
                   std::same_as<float> auto a, const float* x, float* out, std::size_t n) const {
    perturb_normals(direction, tensor, offset, a, x, out, n);
  }
  /// plus_k ← x_k + a z_i and minus_k ← x_k − a z_i on the same range, z made once.
  void pair_range(Direction direction, std::uint32_t tensor, std::uint64_t offset, std::same_as<float> auto a,
                  const float* x, float* plus, float* minus, std::size_t n) const {
    perturb_pair_normals(direction, tensor, offset, a, x, plus, minus, n);
  }
  /// θ ← θ + a z(direction).
  template <class Theta>
    requires HasTensors<Theta> || AppliesUpdate<Theta, Gaussian>
  void add(Theta& theta, Direction direction, double a) const {
    if constexpr (HasTensors<Theta>)
      add_coordinatewise(*this, theta, direction, a);
    else
      apply_one_update(theta, *this, direction, a);
  }
  /// E‖ĝ‖²/‖∇f‖² on a linear function of d coordinates (docs/results/theory, E3): d + 2.
  [[nodiscard]] double second_moment_factor(std::size_t d) const { return static_cast<double>(d) + 2.0; }
};

}  // namespace zofo
