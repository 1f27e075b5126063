/// @file Directions of low rank.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo {

/// z = U Vᵀ/√r on each matrix, with the factors U and V in memory, and a Gaussian on each vector.
class LowRankFactors {
 public:
  /// No matrices yet; `rank` is r.
  explicit LowRankFactors(std::uint32_t rank) : rank_(rank) {}

  /// Whether a matrix is stored by rows, not by columns. Throws Error if it is stored with gaps.
  static bool stored_by_rows(std::uint32_t tensor, std::size_t rows, std::size_t cols, std::size_t row_stride,
                             std::size_t col_stride) {
    const bool by_rows = col_stride == 1 && row_stride == cols;
    require(by_rows || (row_stride == 1 && col_stride == rows),
            "tensor {}: strides {} and {} of a {} x {} matrix: it must be stored without gaps", tensor,
            row_stride, col_stride, rows, cols);
    return by_rows;
  }

  /// Generates the factors of one matrix. Its entries must be stored without gaps, by rows or by columns.
  void add(std::uint32_t tensor, Direction left, Direction right, std::size_t rows, std::size_t cols,
           std::size_t row_stride, std::size_t col_stride) {
    const bool by_rows = stored_by_rows(tensor, rows, cols, row_stride, col_stride);
    Matrix m{tensor, by_rows ? rows : cols, by_rows ? cols : rows, {}, {}};
    m.outer.resize(m.outer_size * rank_);
    m.inner.resize(m.inner_size * rank_);
    std::vector<float>& u = by_rows ? m.outer : m.inner;
    std::vector<float>& v = by_rows ? m.inner : m.outer;
    normals(left, extra_stream(ExtraStream::left, tensor), 0, u.data(), u.size());
    normals(right, extra_stream(ExtraStream::right, tensor), 0, v.data(), v.size());
    const auto position = std::ranges::lower_bound(matrices_, tensor, {}, &Matrix::tensor);
    matrices_.insert(position, std::move(m));
  }

  /// z_i for i in [offset, offset + n) of one tensor, in the order of its memory.
  template <class T>
  void fill(Direction direction, std::uint32_t tensor, std::uint64_t offset, T* z, std::size_t n) const {
    const auto m = std::ranges::lower_bound(matrices_, tensor, {}, &Matrix::tensor);
    if (m == matrices_.end() || m->tensor != tensor) return normals(direction, tensor, offset, z, n);
    while (n > 0) {
      const auto row = static_cast<std::size_t>(offset / m->inner_size);
      const auto first = static_cast<std::size_t>(offset % m->inner_size);
      const std::size_t size = std::min(n, m->inner_size - first);
      fill_row(*m, row, first, z, size);
      offset += size;
      z += size;
      n -= size;
    }
  }

 private:
  // Outer index: the one that changes slowly in memory. Factors are stored [rank, size].
  struct Matrix {
    std::uint32_t tensor;
    std::size_t outer_size, inner_size;
    std::vector<float> outer, inner;
  };

  template <class T>
  void fill_row(const Matrix& m, std::size_t row, std::size_t first, T* z, std::size_t n) const {
    const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(rank_)));
    std::fill_n(z, n, T{0});
    for (std::uint32_t l = 0; l < rank_; ++l) {
      const T weight = scale * static_cast<T>(m.outer[l * m.outer_size + row]);
      const float* const inner = m.inner.data() + l * m.inner_size + first;
      for (std::size_t i = 0; i < n; ++i) z[i] += weight * static_cast<T>(inner[i]);
    }
  }

  std::uint32_t rank_;
  std::vector<Matrix> matrices_;  // by tensor
};

/// z = U Vᵀ/√r on each matrix of θ, U (rows x r) and V (cols x r) Gaussian, V generated again every `hold`
/// steps; a Gaussian on vectors, and on every tensor of a θ without `for_each_matrix`. Chen et al.,
/// "Enhancing zeroth-order fine-tuning for language models with low-rank structures" (LOZO), 2024; their U
/// Vᵀ/r is divided by √r instead, so that E zzᵀ = I and the estimate is unbiased. `bind` stores r (rows +
/// cols) floats per matrix.
struct LowRank {
  /// r, in [1, 4096]. A higher rank lowers the variance (docs/results/theory, E8) and costs r multiplications
  /// per coordinate.
  std::uint32_t rank = 1;
  /// Number of steps that use the same V; 0: all steps. Each query has its own V. Raise it to restrict
  /// successive updates to one subspace, as LOZO does.
  std::uint32_t hold = 1;

  /// Throws Error naming the field out of range.
  void check() const { require(rank >= 1 && rank <= 4096, "rank = {}: must be in [1, 4096]", rank); }

  /// Throws Error for a matrix of θ that is stored with gaps, and for a tensor whose number leaves no stream
  /// for the factors.
  template <HasTensors Theta>
  void check_direction(const Theta& theta, Direction /*direction*/) const {
    check();
    if constexpr (HasMatrices<Theta>)
      list_matrices(theta, [](std::uint32_t tensor, std::size_t rows, std::size_t cols,
                              std::size_t row_stride, std::size_t col_stride) {
        if (rows <= 1 || cols <= 1) return;
        static_cast<void>(LowRankFactors::stored_by_rows(tensor, rows, cols, row_stride, col_stride));
        static_cast<void>(extra_stream(ExtraStream::left, tensor));
      });
  }
  /// z(direction) on θ's shape. Throws Error for a matrix that is stored with gaps.
  template <HasTensors Theta>
  [[nodiscard]] LowRankFactors bind(const Theta& theta, Direction direction) const {
    check();
    LowRankFactors factors(rank);
    if constexpr (HasMatrices<Theta>) {
      Direction right = direction;  // V's
      right.step = hold == 0 ? 0 : direction.step / hold;
      list_matrices(theta, [&](std::uint32_t tensor, std::size_t rows, std::size_t cols,
                               std::size_t row_stride, std::size_t col_stride) {
        if (rows > 1 && cols > 1) factors.add(tensor, direction, right, rows, cols, row_stride, col_stride);
      });
    }
    return factors;
  }
  /// θ ← θ + a z(direction).
  template <class Theta>
    requires HasTensors<Theta> || AppliesUpdate<Theta, LowRank>
  void add(Theta& theta, Direction direction, double a) const {
    if constexpr (HasTensors<Theta>)
      add_bound(*this, theta, direction, a);
    else
      apply_one_update(theta, *this, direction, a);
  }
  /// E‖ĝ‖²/‖∇f‖² on a linear function (docs/results/theory, E3) of d coordinates that form vectors: d + 2,
  /// also the limit for matrices when r grows.
  [[nodiscard]] double second_moment_factor(std::size_t d) const { return static_cast<double>(d) + 2.0; }
  /// The same for one rows x cols matrix (docs/results/theory, E8): mn + 2 + 2 (m + n + 1)/r. Given V the
  /// rows of z are independent N(0, S), S = V Vᵀ/r, so it is m E[S tr S] + 2 E[S²] with
  /// E[S tr S] = (n + 2/r) I and E[S²] = ((n + 1)/r + 1) I.
  [[nodiscard]] double second_moment_factor(std::size_t rows, std::size_t cols) const {
    const auto m = static_cast<double>(rows), n = static_cast<double>(cols);
    if (rows <= 1 || cols <= 1) return m * n + 2.0;
    return m * n + 2.0 + 2.0 * (m + n + 1.0) / rank;
  }
};

}  // namespace zofo
