/// @file Linear meta-learning: one backbone for tasks that differ by a low-rank matrix
/// (docs/results/theory, C8).
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/problems/constants.hpp"

namespace zofo::problems {

/// Examples: rows of inputs (n×i) and of outputs (n×o).
struct LinearRows {
  Eigen::MatrixXd inputs;   ///< n×i
  Eigen::MatrixXd outputs;  ///< n×o
  /// n, the number of examples.
  [[nodiscard]] Eigen::Index size() const { return inputs.rows(); }
};

/// A task: outputs ≈ (W + ABᵀ) inputs. θ = W (o×i) the backbone, p = A (o×r) the task's adapter, and B (i×r)
/// a right factor that the task fixes, so that the lower level is a ridge regression:
///   G(W, A) = 1/(2k) ‖Y − X(W + ABᵀ)ᵀ‖² + ½μ‖A‖²   over k support examples,
///   F(W, A) = 1/(2n) ‖Y' − X'(W + ABᵀ)ᵀ‖²          over n query examples.
/// With Z = XB, Z' = X'B and K = ZᵀZ/k + μI: p*(W) = (Y − XWᵀ)ᵀ Z K⁻¹/k, affine in W, and φ is a
/// least-squares loss in W. Batch keys are ignored. In Hessians and cross terms a matrix is the vector of
/// its columns.
class LinearMetaTask {
 public:
  using Matrix = Eigen::MatrixXd;  ///< of θ, p, gradients and data

  using Theta = Matrix;
  using Adapter = Matrix;

  /// Throws Error when there are no examples, shapes do not fit, an entry is not finite or `ridge` (μ) is not
  /// positive.
  LinearMetaTask(LinearRows support, LinearRows query, Matrix right_factor, double ridge)
      : support_(std::move(support)), query_(std::move(query)), B_(std::move(right_factor)), ridge_(ridge) {
    check("support", support_);
    check("query", query_);
    require(query_.inputs.cols() == support_.inputs.cols(),
            "query.inputs has {} columns: must have {} as support has", query_.inputs.cols(),
            support_.inputs.cols());
    require(query_.outputs.cols() == support_.outputs.cols(),
            "query.outputs has {} columns: must have {} as support has", query_.outputs.cols(),
            support_.outputs.cols());
    require(B_.rows() == support_.inputs.cols() && B_.cols() >= 1,
            "right_factor is {}x{}: must be {} rows by at least 1 column", B_.rows(), B_.cols(),
            support_.inputs.cols());
    require(B_.allFinite(), "right_factor has an entry that is not finite: all must be");
    require(std::isfinite(ridge_) && ridge_ > 0, "ridge = {}: must be finite and above 0", ridge_);
    Z_ = support_.inputs * B_;
    query_Z_ = query_.inputs * B_;
    K_ = Z_.transpose() * Z_ / k();
    K_.diagonal().array() += ridge_;
  }

  /// F(W, A).
  [[nodiscard]] double upper(const Matrix& W, const Matrix& A, BatchKey = {}) const {
    return query_residual(W, A).squaredNorm() / (2 * n());
  }
  /// G(W, A).
  [[nodiscard]] double lower(const Matrix& W, const Matrix& A, BatchKey = {}) const {
    return support_residual(W, A).squaredNorm() / (2 * k()) + 0.5 * ridge_ * A.squaredNorm();
  }
  /// F(W, A), and ∇_A F in g.
  double upper_gradient(const Matrix& W, const Matrix& A, BatchKey, Matrix& g) const {
    const Matrix residual = query_residual(W, A);
    g = residual.transpose() * query_Z_ / -n();
    return residual.squaredNorm() / (2 * n());
  }
  /// G(W, A), and ∇_A G in g.
  double lower_gradient(const Matrix& W, const Matrix& A, BatchKey, Matrix& g) const {
    const Matrix residual = support_residual(W, A);
    g = residual.transpose() * Z_ / -k() + ridge_ * A;
    return residual.squaredNorm() / (2 * k()) + 0.5 * ridge_ * A.squaredNorm();
  }
  /// ∇_W F.
  [[nodiscard]] Matrix upper_theta_gradient(const Matrix& W, const Matrix& A, BatchKey = {}) const {
    return query_residual(W, A).transpose() * query_.inputs / -n();
  }
  /// ∇_W G.
  [[nodiscard]] Matrix lower_theta_gradient(const Matrix& W, const Matrix& A, BatchKey = {}) const {
    return support_residual(W, A).transpose() * support_.inputs / -k();
  }
  /// ∂²G/∂A² = K ⊗ I.
  [[nodiscard]] Matrix lower_hessian(const Matrix& /*W*/, const Matrix& /*A*/, BatchKey = {}) const {
    return with_identity(K_);
  }
  /// ∂²G/∂A∂W = (ZᵀX/k) ⊗ I.
  [[nodiscard]] Matrix lower_cross(const Matrix& /*W*/, const Matrix& /*A*/, BatchKey = {}) const {
    return with_identity(Z_.transpose() * support_.inputs / k());
  }
  /// ∂²F/∂A² = (Z'ᵀZ'/n) ⊗ I.
  [[nodiscard]] Matrix upper_hessian(const Matrix& /*W*/, const Matrix& /*A*/, BatchKey = {}) const {
    return with_identity(query_Z_.transpose() * query_Z_ / n());
  }

  /// p*(W) = (Y − XWᵀ)ᵀ Z K⁻¹/k.
  [[nodiscard]] Matrix lower_solution(const Matrix& W) const {
    const Matrix right = Z_.transpose() * support_residual(W) / k();
    return K_.llt().solve(right).transpose();
  }
  /// p_λ(W)ᵀ = (Z'ᵀZ'/n + λK)⁻¹ (Z'ᵀ(Y' − X'Wᵀ)/n + λZᵀ(Y − XWᵀ)/k).
  [[nodiscard]] Matrix penalty_solution(const Matrix& W, double penalty) const {
    const Matrix left = query_Z_.transpose() * query_Z_ / n() + penalty * K_;
    const Matrix right = query_Z_.transpose() * query_residual(W) / n() +
                         penalty * (Z_.transpose() * support_residual(W) / k());
    return left.llt().solve(right).transpose();
  }
  /// φ(W) = 1/(2n) ‖Ỹ − X̃Wᵀ‖², X̃ = X' − PX, Ỹ = Y' − PY, P = Z'K⁻¹Zᵀ/k: the loss after adaptation.
  [[nodiscard]] double phi(const Matrix& W) const {
    const LinearRows rows = adapted_rows();
    return (rows.outputs - rows.inputs * W.transpose()).squaredNorm() / (2 * n());
  }
  /// ∇φ(W) = −(Ỹ − X̃Wᵀ)ᵀX̃/n.
  [[nodiscard]] Matrix phi_gradient(const Matrix& W) const {
    const LinearRows rows = adapted_rows();
    return (rows.outputs - rows.inputs * W.transpose()).transpose() * rows.inputs / -n();
  }
  /// X̃ and Ỹ, the examples of φ as a least-squares loss.
  [[nodiscard]] LinearRows adapted_rows() const {
    const Matrix P = query_Z_ * K_.llt().solve(Z_.transpose()) / k();
    return {query_.inputs - P * support_.inputs, query_.outputs - P * support_.outputs};
  }
  /// L*_λ(W) = (F + λG)(W, p_λ) − λG(W, s*).
  [[nodiscard]] double penalty_value(const Matrix& W, double penalty) const {
    const Matrix p = penalty_solution(W, penalty);
    return upper(W, p) + penalty * (lower(W, p) - lower(W, lower_solution(W)));
  }
  /// ∇L*_λ(W) by Danskin's theorem (docs/results/theory, P3).
  [[nodiscard]] Matrix penalty_value_gradient(const Matrix& W, double penalty) const {
    const Matrix p = penalty_solution(W, penalty);
    return upper_theta_gradient(W, p) +
           penalty * (lower_theta_gradient(W, p) - lower_theta_gradient(W, lower_solution(W)));
  }

  /// The Δ of rank at most `rank` that fits the support examples best: argmin ‖Y − X(W + Δ)ᵀ‖. With C = XᵀX/k
  /// and the full least-squares Δ_ls = (Y − XWᵀ)ᵀX(XᵀX)⁻¹ it is the truncated SVD of Δ_ls C^½, times C^−½
  /// (Eckart, Young 1936; reduced-rank regression, Izenman 1975). It does not depend on B and μ. Throws Error
  /// when rank is not in [1, min(o, i)] or XᵀX is singular (k < i).
  [[nodiscard]] Matrix best_low_rank(const Matrix& W, Eigen::Index rank) const {
    const Eigen::Index most = std::min(W.rows(), W.cols());
    require(rank >= 1 && rank <= most, "rank = {}: must be in [1, {}]", rank, most);
    const Matrix C = support_.inputs.transpose() * support_.inputs / k();
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(C);
    require(eigen.eigenvalues().minCoeff() > 1e-12 * eigen.eigenvalues().maxCoeff(),
            "best_low_rank: the {} support rows must span the {} inputs", support_.size(), C.rows());
    const Matrix full = C.llt().solve(support_.inputs.transpose() * support_residual(W) / k()).transpose();
    const Eigen::JacobiSVD<Matrix> svd(full * eigen.operatorSqrt(),
                                       Eigen::ComputeThinU | Eigen::ComputeThinV);
    const Matrix truncated = svd.matrixU().leftCols(rank) * svd.singularValues().head(rank).asDiagonal() *
                             svd.matrixV().leftCols(rank).transpose();
    return truncated * eigen.operatorInverseSqrt();
  }

  /// W_0 = 0, A_0 = 0.
  [[nodiscard]] StartPoint<Theta, Adapter> start() const {
    const Matrix A = Matrix::Zero(outputs(), B_.cols());
    return {Matrix::Zero(outputs(), B_.rows()), A, A};
  }
  /// All are attained. ∇²φ = (X̃ᵀX̃/n) ⊗ I.
  [[nodiscard]] Constants constants() const {
    Constants c;
    detail::set_lower(c, detail::extreme_eigenvalues(K_));
    c.upper_smoothness = detail::extreme_eigenvalues(query_Z_.transpose() * query_Z_ / n()).high;
    const Matrix inputs = adapted_rows().inputs;
    detail::set_phi(c, inputs.transpose() * inputs / n());
    c.effective_rank *= static_cast<double>(outputs());
    return c;
  }
  /// The source of the problem.
  [[nodiscard]] std::string_view citation() const {
    return "This library's own construction after the low-rank adapters of Hu et al., LoRA, ICLR 2022: tasks "
           "y = (W* + U V^T) x with a given right factor.";
  }

  /// The k examples of the lower level.
  [[nodiscard]] const LinearRows& support() const { return support_; }
  /// The n examples of the upper level.
  [[nodiscard]] const LinearRows& query() const { return query_; }
  /// B.
  [[nodiscard]] const Matrix& right_factor() const { return B_; }

 private:
  static void check(std::string_view field, const LinearRows& rows) {
    require(rows.inputs.rows() >= 1 && rows.inputs.cols() >= 1, "{}.inputs is {}x{}: must be at least 1x1",
            field, rows.inputs.rows(), rows.inputs.cols());
    require(rows.outputs.rows() == rows.inputs.rows() && rows.outputs.cols() >= 1,
            "{}.outputs is {}x{}: must be {} rows by at least 1 column", field, rows.outputs.rows(),
            rows.outputs.cols(), rows.inputs.rows());
    require(rows.inputs.allFinite() && rows.outputs.allFinite(),
            "{} has an entry that is not finite: all must be", field);
  }
  [[nodiscard]] double k() const { return static_cast<double>(support_.size()); }
  [[nodiscard]] double n() const { return static_cast<double>(query_.size()); }
  [[nodiscard]] Eigen::Index outputs() const { return support_.outputs.cols(); }
  [[nodiscard]] Matrix support_residual(const Matrix& W) const {
    return support_.outputs - support_.inputs * W.transpose();
  }
  [[nodiscard]] Matrix support_residual(const Matrix& W, const Matrix& A) const {
    return support_residual(W) - Z_ * A.transpose();
  }
  [[nodiscard]] Matrix query_residual(const Matrix& W) const {
    return query_.outputs - query_.inputs * W.transpose();
  }
  [[nodiscard]] Matrix query_residual(const Matrix& W, const Matrix& A) const {
    return query_residual(W) - query_Z_ * A.transpose();
  }
  // M ⊗ I: the map X ↦ X Mᵀ on the vector of the columns of an X with o rows.
  [[nodiscard]] Matrix with_identity(const Matrix& M) const {
    const Eigen::Index o = outputs();
    Matrix product = Matrix::Zero(M.rows() * o, M.cols() * o);
    for (Eigen::Index i = 0; i < M.rows(); ++i)
      for (Eigen::Index j = 0; j < M.cols(); ++j)
        product.block(i * o, j * o, o, o).diagonal().setConstant(M(i, j));
    return product;
  }

  LinearRows support_, query_;
  Matrix B_;
  double ridge_;
  Matrix Z_, query_Z_, K_;
};

}  // namespace zofo::problems
