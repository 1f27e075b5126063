/// @file Directions of one step that are orthogonal to one another.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// Σ_j w_j g_j over the Gaussian directions g_j of queries 0, 1, … of one step.
struct GaussianCombination {
  Eigen::VectorXd weights;  ///< w_j, one per query
  /// z_i for i in [offset, offset + n) of one tensor, summed in double; costs one generation per weight.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    for_each_block_of(0, n, [&](std::size_t first, std::size_t size) {
      alignas(64) double g[kBlock], sum[kBlock];
      std::fill_n(sum, size, 0.0);
      for (Eigen::Index j = 0; j < weights.size(); ++j) {
        direction.query = static_cast<std::uint32_t>(j);
        normals(direction, tensor, offset + first, g, size);
        for (std::size_t i = 0; i < size; ++i) sum[i] += weights[j] * g[i];
      }
      for (std::size_t i = 0; i < size; ++i) z[first + i] = static_cast<T>(sum[i]);
    });
  }
};

/// Directions of one step (they differ only in the query) are orthogonal over all of θ, have length √d and
/// are uniform (Haar): Gram–Schmidt on the Gaussian directions (Choromanski et al., "Structured evolution
/// with compact architectures for scalable policy optimization", ICML 2018; Kozak et al., "Zeroth-order
/// optimization with orthogonal random directions", Math. Program. 2023). No memory of θ's size is needed:
/// query k is a combination of k + 1 Gaussians, with weights from their inner products. A step of q queries
/// costs O(q³ d).
struct Orthogonal {
  std::uint32_t queries = 1;  ///< q: set it to the estimator's queries; in [1, 4096], at most d

  /// Throws Error naming the field out of range.
  void check() const {
    require(queries >= 1 && queries <= 4096, "queries = {}: must be in [1, 4096]", queries);
  }

  /// Throws Error when there are more queries than coordinates, or for a query that is not below `queries`.
  template <HasTensors Theta>
  void check_direction(const Theta& theta, Direction direction) const {
    const std::size_t d = coordinate_count(theta);
    require(queries <= d, "queries = {}: at most {} directions are orthogonal, θ has that many coordinates",
            queries, d);
    require(direction.query < queries, "query = {}: must be below queries = {}", direction.query, queries);
  }
  /// z(direction) on θ's shape. Throws Error as check_direction does.
  template <HasTensors Theta>
  [[nodiscard]] GaussianCombination bind(const Theta& theta, Direction direction) const {
    check_direction(theta, direction);
    const std::size_t d = coordinate_count(theta);
    const auto size = static_cast<Eigen::Index>(direction.query) + 1;
    // One round leaves errors that grow with the square of the Gaussians' condition number; two are enough.
    Eigen::MatrixXd weights = Eigen::MatrixXd::Identity(size, size);
    for (int round = 0; round < 2; ++round) {
      const Eigen::LLT<Eigen::MatrixXd> cholesky(products(theta, direction, weights));
      cholesky.matrixL().solveInPlace(weights);
    }
    return {std::sqrt(static_cast<double>(d)) * weights.row(size - 1).transpose()};
  }
  /// θ ← θ + a z(direction).
  template <HasTensors Theta>
  void add(Theta& theta, Direction direction, double a) const {
    add_bound(*this, theta, direction, a);
  }
  /// E‖ĝ‖²/‖∇f‖² on a linear function of d coordinates for one query: exactly d.
  [[nodiscard]] double second_moment_factor(std::size_t d) const { return static_cast<double>(d); }
  /// The same for the mean over q queries (docs/results/theory, E4): exactly d/q.
  [[nodiscard]] double second_moment_factor(std::size_t d, std::uint32_t q) const {
    return static_cast<double>(d) / q;
  }

 private:
  static constexpr std::size_t kPiece = 256;  // coordinates whose directions are in memory at once

  // Inner products of the combinations that the rows of `weights` make of the Gaussians.
  template <class Theta>
  static Eigen::MatrixXd products(const Theta& theta, Direction direction, const Eigen::MatrixXd& weights) {
    const Eigen::Index rows = weights.rows();
    const Eigen::MatrixXd zero = Eigen::MatrixXd::Zero(rows, rows);
    Eigen::MatrixXd total = zero;
    list_tensors(theta, [&](std::uint32_t tensor, const auto*, std::size_t n) {
      accumulate_blocks(n, zero, total, [&](std::size_t first, std::size_t size, Eigen::MatrixXd& sum) {
        for (std::size_t done = 0; done < size; done += kPiece)
          add_products(direction, tensor, first + done, std::min(kPiece, size - done), weights, sum);
      });
    });
    return total;
  }

  // A template, so that only programs with orthogonal directions compile products of matrices.
  template <class Matrix>
  static void add_products(Direction direction, std::uint32_t tensor, std::uint64_t offset, std::size_t n,
                           const Matrix& weights, Matrix& sum) {
    Matrix g(static_cast<Eigen::Index>(n), weights.rows());
    for (Eigen::Index j = 0; j < g.cols(); ++j) {
      direction.query = static_cast<std::uint32_t>(j);
      normals(direction, tensor, offset, g.col(j).data(), n);
    }
    const Matrix z = g * weights.transpose();
    sum.noalias() += z.transpose() * z;
  }
};

}  // namespace zofo
