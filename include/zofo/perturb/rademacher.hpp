/// @file Random-sign directions.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "zofo/core/random.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// z with independent entries ±1. The estimate has the least variance among distributions with independent
/// entries (docs/results/theory, E3), and z is the cheapest to generate.
struct Rademacher {
  /// z_i for i in [offset, offset + n) of one tensor; the values do not depend on how the range is split.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    rademacher(direction, tensor, offset, z, n);
  }
  /// x_k ← x_k + a z_i on the same range without storing z; single precision has a kernel for it.
  void add_range(Direction direction, std::uint32_t tensor, std::uint64_t offset, std::same_as<float> auto a,
                 float* x, std::size_t n) const {
    add_rademacher(direction, tensor, offset, a, x, n);
  }
  /// out_k ← x_k + a z_i on the same range.
  void write_range(Direction direction, std::uint32_t tensor, std::uint64_t offset,
                   std::same_as<float> auto a, const float* x, float* out, std::size_t n) const {
    perturb_rademacher(direction, tensor, offset, a, x, out, n);
  }
  /// plus_k ← x_k + a z_i and minus_k ← x_k − a z_i on the same range, z made once.
  void pair_range(Direction direction, std::uint32_t tensor, std::uint64_t offset, std::same_as<float> auto a,
                  const float* x, float* plus, float* minus, std::size_t n) const {
    perturb_pair_rademacher(direction, tensor, offset, a, x, plus, minus, n);
  }
  /// θ ← θ + a z(direction).
  template <class Theta>
    requires HasTensors<Theta> || AppliesUpdate<Theta, Rademacher>
  void add(Theta& theta, Direction direction, double a) const {
    if constexpr (HasTensors<Theta>)
      add_coordinatewise(*this, theta, direction, a);
    else
      apply_one_update(theta, *this, direction, a);
  }
  /// E‖ĝ‖²/‖∇f‖² on a linear function of d coordinates (docs/results/theory, E3): d.
  [[nodiscard]] double second_moment_factor(std::size_t d) const { return static_cast<double>(d); }
};

}  // namespace zofo
