/// @file A problem whose losses Python computes with the same bits.
#pragma once

#include <Eigen/Core>

#include "zofo/core/batch_key.hpp"

namespace zofo::python {

/// F = Σ (p_i − 1)² + 0.1 Σ θ_i², G = Σ (p_i − θ_i)². Loops in a fixed order, without fused multiplications.
struct Quadratic {
  using Theta = Eigen::VectorXd;
  using Adapter = Eigen::VectorXd;

  double upper(const Theta& theta, const Adapter& p, BatchKey batch) const;
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey batch, Adapter& gradient) const;
  double lower(const Theta& theta, const Adapter& p, BatchKey batch) const;
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey batch, Adapter& gradient) const;
};

/// Σ (θ_i − 1)².
double distance(const Eigen::VectorXd& theta);

}  // namespace zofo::python
