/// @file Data sets as matrices with one example per row, and mini-batches of them keyed by a BatchKey.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::problems {

/// Examples: features (n×f) and one real target each.
struct RealRows {
  Eigen::MatrixXd features;  ///< n×f
  Eigen::VectorXd targets;   ///< n
  /// n, the number of examples.
  [[nodiscard]] Eigen::Index size() const { return features.rows(); }
};

/// Examples: features (n×f) and one class in [0, classes) each.
struct ClassRows {
  Eigen::MatrixXd features;  ///< n×f
  Eigen::VectorXi labels;    ///< n
  /// n, the number of examples.
  [[nodiscard]] Eigen::Index size() const { return features.rows(); }
};

namespace detail {

inline void check_features(std::string_view field, const Eigen::MatrixXd& features, Eigen::Index answers) {
  require(features.rows() >= 1 && features.cols() >= 1, "{}.features is {}x{}: must be at least 1x1", field,
          features.rows(), features.cols());
  require(answers == features.rows(), "{} has {} answers: must have one for each of the {} rows", field,
          answers, features.rows());
  require(features.allFinite(), "{}.features has an entry that is not finite: all must be", field);
}
inline void check_rows(std::string_view field, const RealRows& rows) {
  check_features(field, rows.features, rows.targets.size());
  require(rows.targets.allFinite(), "{}.targets has an entry that is not finite: all must be", field);
}
inline void check_rows(std::string_view field, const ClassRows& rows, int classes) {
  require(classes >= 2, "classes = {}: must be at least 2", classes);
  check_features(field, rows.features, rows.labels.size());
  for (Eigen::Index i = 0; i < rows.size(); ++i)
    require(rows.labels[i] >= 0 && rows.labels[i] < classes, "{}.labels[{}] = {}: must be in [0, {})", field,
            i, rows.labels[i], classes);
}
inline void check_same_features(const Eigen::MatrixXd& train, const Eigen::MatrixXd& validation) {
  require(train.cols() == validation.cols(), "validation.features has {} columns: must have {} as train has",
          validation.cols(), train.cols());
}
inline void check_batch(Eigen::Index batch) {
  require(batch >= 0, "batch = {}: must be 0 (all rows) or more", batch);
}

}  // namespace detail

/// `batch` indices in [0, rows), sampled with replacement: a pure function of the key `sample`. The mean over
/// these examples is an unbiased estimate of the mean over all.
[[nodiscard]] inline std::vector<Eigen::Index> sample_rows(BatchKey sample, Eigen::Index rows,
                                                           Eigen::Index batch) {
  std::vector<double> u(static_cast<std::size_t>(batch));
  uniforms(Direction{masked_seed(sample.seed, SeedMask::rows), sample.step, sample.stream},
           stream_number(RowStream::batch), 0, u.data(), u.size());
  std::vector<Eigen::Index> sampled;
  sampled.reserve(u.size());
  for (const double x : u)
    sampled.push_back(std::min(static_cast<Eigen::Index>(x * static_cast<double>(rows)), rows - 1));
  return sampled;
}

namespace detail {

/// Weights of the examples in a mean: 1/n each, or the share of the mini-batch that is this example.
[[nodiscard]] inline Eigen::VectorXd row_weights(Eigen::Index rows, Eigen::Index batch, BatchKey sample) {
  if (batch == 0) return Eigen::VectorXd::Constant(rows, 1.0 / static_cast<double>(rows));
  Eigen::VectorXd weights = Eigen::VectorXd::Zero(rows);
  for (const Eigen::Index i : sample_rows(sample, rows, batch))
    weights[i] += 1.0 / static_cast<double>(batch);
  return weights;
}

/// Standard normals as a matrix; `tensor` distinguishes the matrices of one seed.
[[nodiscard]] inline Eigen::MatrixXd normal_matrix(std::uint64_t seed, std::uint32_t tensor,
                                                   Eigen::Index rows, Eigen::Index cols) {
  Eigen::MatrixXd x(rows, cols);
  normals(Direction{seed, 0, 0}, tensor, 0, x.data(), static_cast<std::size_t>(x.size()));
  return x;
}

}  // namespace detail
}  // namespace zofo::problems
