/// @file Directions on the sphere of radius √d.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "zofo/perturb/gaussian.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// A Gaussian direction times a number; floats use the Gaussian's kernels.
struct ScaledGaussian {
  double scale = 1.0;  ///< the factor
  /// scale · z_i for i in [offset, offset + n) of one tensor.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    normals(direction, tensor, offset, z, n);
    for (std::size_t i = 0; i < n; ++i) z[i] = static_cast<T>(scale * static_cast<double>(z[i]));
  }
  /// x_k ← x_k + a scale z_i.
  void add_range(Direction direction, std::uint32_t tensor, std::uint64_t offset, std::same_as<float> auto a,
                 float* x, std::size_t n) const {
    add_normals(direction, tensor, offset, scaled(a), x, n);
  }
  /// out_k ← x_k + a scale z_i.
  void write_range(Direction direction, std::uint32_t tensor, std::uint64_t offset,
                   std::same_as<float> auto a, const float* x, float* out, std::size_t n) const {
    perturb_normals(direction, tensor, offset, scaled(a), x, out, n);
  }
  /// plus_k ← x_k + a scale z_i and minus_k ← x_k − a scale z_i.
  void pair_range(Direction direction, std::uint32_t tensor, std::uint64_t offset, std::same_as<float> auto a,
                  const float* x, float* plus, float* minus, std::size_t n) const {
    perturb_pair_normals(direction, tensor, offset, scaled(a), x, plus, minus, n);
  }

 private:
  [[nodiscard]] float scaled(float a) const { return static_cast<float>(scale * static_cast<double>(a)); }
};

/// z uniform on the sphere of radius √d over all tensors of θ together (Flaxman, Kalai, McMahan, "Online
/// convex optimization in the bandit setting", SODA 2005): a Gaussian direction divided by its own length.
/// `bind` generates the Gaussian once to measure it.
struct Sphere {
  /// z(direction) on θ's shape.
  template <HasTensors Theta>
  [[nodiscard]] ScaledGaussian bind(const Theta& theta, Direction direction) const {
    double squares = 0.0;
    std::size_t d = 0;
    list_tensors(theta, [&](std::uint32_t tensor, const auto*, std::size_t n) {
      d += n;
      accumulate_blocks(n, 0.0, squares, [&](std::size_t first, std::size_t size, double& sum) {
        alignas(64) double z[kBlock];
        normals(direction, tensor, first, z, size);
        for (std::size_t i = 0; i < size; ++i) sum += z[i] * z[i];
      });
    });
    return {squares > 0.0 ? std::sqrt(static_cast<double>(d) / squares) : 0.0};
  }
  /// θ ← θ + a z(direction).
  template <HasTensors Theta>
  void add(Theta& theta, Direction direction, double a) const {
    add_bound(*this, theta, direction, a);
  }
  /// E‖ĝ‖²/‖∇f‖² on a linear function of d coordinates (docs/results/theory, E3): exactly d.
  [[nodiscard]] double second_moment_factor(std::size_t d) const { return static_cast<double>(d); }
};

}  // namespace zofo
