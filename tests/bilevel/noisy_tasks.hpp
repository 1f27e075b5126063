/// @file Tasks whose mini-batches differ, for tests that compare runs to the bit.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/core/random.hpp"

/// G = ½‖p − tanh(θ + b)‖² + nᵀp, F = ½‖p − c‖² + ½‖θ‖² + nᵀθ with n from the mini-batch, in three
/// coordinates.
struct NoisyTask {
  using Vector = Eigen::VectorXd;
  using Theta = Vector;
  using Adapter = Vector;
  double shift = 0.0;

  [[nodiscard]] static Vector noise(zofo::BatchKey batch) {
    Vector n(3);
    zofo::normals(zofo::Direction{batch.seed, batch.step, batch.stream}, 5, 0, n.data(), 3);
    return 0.1 * n;
  }
  [[nodiscard]] Vector target(const Vector& theta) const { return (theta.array() + shift).tanh().matrix(); }

  double upper(const Vector& theta, const Vector& p, zofo::BatchKey batch) const {
    return 0.5 * (p - Vector::Constant(3, 0.3)).squaredNorm() + 0.5 * theta.squaredNorm() +
           noise(batch).dot(theta);
  }
  double upper_gradient(const Vector& theta, const Vector& p, zofo::BatchKey batch, Vector& g) const {
    g = p - Vector::Constant(3, 0.3);
    return upper(theta, p, batch);
  }
  double lower(const Vector& theta, const Vector& p, zofo::BatchKey batch) const {
    return 0.5 * (p - target(theta)).squaredNorm() + noise(batch).dot(p);
  }
  double lower_gradient(const Vector& theta, const Vector& p, zofo::BatchKey batch, Vector& g) const {
    g = p - target(theta) + noise(batch);
    return lower(theta, p, batch);
  }
};

inline std::vector<NoisyTask> noisy_tasks() { return {{0.5}, {-0.2}, {1.0}}; }
/// The initial θ and adapters of the tasks.
struct NoisyStart {
  Eigen::VectorXd theta = Eigen::Vector3d(1.0, -1.0, 0.5);
  std::vector<zofo::AdapterPair<Eigen::VectorXd>> adapters{
      3, {Eigen::VectorXd::Zero(3), Eigen::VectorXd::Zero(3)}};
};
