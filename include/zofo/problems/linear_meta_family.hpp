/// @file A family of linear tasks: training tasks and unseen ones (docs/results/theory, C8).
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/QR>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/problems/linear_meta.hpp"
#include "zofo/problems/rows.hpp"

namespace zofo::problems {

/// Options of linear_meta_family.
struct LinearMetaOptions {
  Eigen::Index inputs = 8;     ///< i
  Eigen::Index outputs = 4;    ///< o
  Eigen::Index rank = 2;       ///< r
  Eigen::Index support = 10;   ///< k, support examples per task
  Eigen::Index query = 20;     ///< n, query examples per task
  Eigen::Index training = 12;  ///< training tasks
  Eigen::Index unseen = 20;    ///< unseen tasks
  double shift = 1.0;          ///< standard deviation of U's entries
  double shift_mean = 0.0;     ///< their mean; if not 0, the mean of UVᵀ over the tasks is not 0
  bool shared_factor = false;  ///< one V for all tasks, else one V per task
  double noise = 0.1;          ///< standard deviation of the noise of the outputs
  double ridge = 1e-2;         ///< μ
  /// Throws Error naming the field out of range.
  void check() const {
    require(inputs >= 1, "inputs = {}: must be at least 1", inputs);
    require(outputs >= 1, "outputs = {}: must be at least 1", outputs);
    require(rank >= 1 && rank <= inputs, "rank = {}: must be in [1, {}], the number of inputs", rank, inputs);
    require(support >= 1, "support = {}: must be at least 1", support);
    require(query >= 1, "query = {}: must be at least 1", query);
    require(training >= 1, "training = {}: must be at least 1", training);
    require(unseen >= 0, "unseen = {}: must be at least 0", unseen);
    require_in("shift", shift, 0.0, 1e6);
    require_in("shift_mean", shift_mean, -1e6, 1e6);
    require_in("noise", noise, 0.0, 1e6);
  }
};

/// A task and the map W* + UVᵀ of its examples.
struct MadeTask {
  LinearMetaTask problem;  ///< the task
  Eigen::MatrixXd truth;   ///< W* + UVᵀ, o×i
};

/// Tasks y = (W* + U_τV_τᵀ)x + noise with x ~ N(0, I), V_τ with orthonormal columns and given to the task as
/// B.
struct LinearMetaFamily {
  using Matrix = Eigen::MatrixXd;  ///< of W and its gradient, o×i
  Matrix backbone;                 ///< W*
  std::vector<MadeTask> training;  ///< tasks of φ
  std::vector<MadeTask> unseen;    ///< tasks of adapted_error

  /// Mean of φ_τ over the training tasks.
  [[nodiscard]] double phi(const Matrix& W) const {
    double sum = 0;
    for (const MadeTask& task : training) sum += task.problem.phi(W);
    return sum / static_cast<double>(training.size());
  }
  /// Its gradient.
  [[nodiscard]] Matrix phi_gradient(const Matrix& W) const {
    Matrix sum = Matrix::Zero(W.rows(), W.cols());
    for (const MadeTask& task : training) sum += task.problem.phi_gradient(W);
    return sum / static_cast<double>(training.size());
  }
  /// argmin of the mean φ: the least-squares map of all adapted examples (LinearMetaTask::adapted_rows), each
  /// divided by the number of its task's examples. Throws Error when the minimum is not unique (too few query
  /// examples).
  [[nodiscard]] Matrix phi_minimiser() const {
    return least_squares([](const LinearMetaTask& task) { return task.adapted_rows(); });
  }
  /// Joint training without adapters: the least-squares map of all support and query examples.
  [[nodiscard]] Matrix joint_minimiser() const {
    return least_squares([](const LinearMetaTask& task) {
      LinearRows all{Matrix(task.support().size() + task.query().size(), task.support().inputs.cols()), {}};
      all.outputs.resize(all.size(), task.support().outputs.cols());
      all.inputs << task.support().inputs, task.query().inputs;
      all.outputs << task.support().outputs, task.query().outputs;
      return all;
    });
  }
  /// Expected ½‖error‖² on a new example without noise, x ~ N(0, I), after the adapter was fitted to the
  /// support examples: mean over the unseen tasks of ½‖W + p*_τ(W)Bᵀ − (W* + U_τV_τᵀ)‖²_F.
  [[nodiscard]] double adapted_error(const Matrix& W) const {
    require(!unseen.empty(), "adapted_error: there are 0 unseen tasks: must be at least 1");
    double sum = 0;
    for (const MadeTask& task : unseen) {
      const Matrix adapted = W + task.problem.lower_solution(W) * task.problem.right_factor().transpose();
      sum += 0.5 * (adapted - task.truth).squaredNorm();
    }
    return sum / static_cast<double>(unseen.size());
  }

 private:
  template <class Rows>
  [[nodiscard]] Matrix least_squares(const Rows& rows_of) const {
    Matrix gram = Matrix::Zero(backbone.cols(), backbone.cols());
    Matrix moment = Matrix::Zero(backbone.cols(), backbone.rows());
    for (const MadeTask& task : training) {
      const LinearRows rows = rows_of(task.problem);
      gram += rows.inputs.transpose() * rows.inputs / static_cast<double>(rows.size());
      moment += rows.inputs.transpose() * rows.outputs / static_cast<double>(rows.size());
    }
    const Eigen::LDLT<Matrix> factor(gram);
    require(factor.isPositive() && factor.rcond() > 1e-13,
            "linear_meta: the training tasks do not determine the backbone: more query examples or tasks are "
            "needed");
    return factor.solve(moment).transpose();
  }
};

/// A random family; the same seed gives the same one. Throws Error naming an option out of range.
[[nodiscard]] inline LinearMetaFamily linear_meta_family(const LinearMetaOptions& options,
                                                         std::uint64_t seed) {
  options.check();
  using Matrix = Eigen::MatrixXd;
  std::uint32_t tensor = 0;
  const auto normal = [&](Eigen::Index rows, Eigen::Index cols) {
    return detail::normal_matrix(seed, tensor++, rows, cols);
  };
  const auto orthonormal = [&]() -> Matrix {
    const Eigen::HouseholderQR<Matrix> qr(normal(options.inputs, options.rank));
    return qr.householderQ() * Matrix::Identity(options.inputs, options.rank);
  };
  LinearMetaFamily family;
  family.backbone = normal(options.outputs, options.inputs);
  const Matrix shared = orthonormal();
  const auto make = [&]() -> MadeTask {
    const Matrix V = options.shared_factor ? shared : orthonormal();
    const Matrix U = (options.shift * normal(options.outputs, options.rank)).array() + options.shift_mean;
    const Matrix truth = family.backbone + U * V.transpose();
    const auto rows = [&](Eigen::Index n) {
      LinearRows made{normal(n, options.inputs), {}};
      made.outputs = made.inputs * truth.transpose() + options.noise * normal(n, options.outputs);
      return made;
    };
    // Braces fix the order of evaluation, hence the random numbers.
    return {LinearMetaTask{rows(options.support), rows(options.query), V, options.ridge}, truth};
  };
  for (Eigen::Index t = 0; t < options.training; ++t) family.training.push_back(make());
  for (Eigen::Index t = 0; t < options.unseen; ++t) family.unseen.push_back(make());
  return family;
}

}  // namespace zofo::problems
