// A linear model with adapters, on which C6 and C7 measure the benefit of the inner loop.
#pragma once

#include <Eigen/Core>
#include <Eigen/LU>
#include <cmath>
#include <cstdint>

#include "zofo/core/random.hpp"
#include "zofo/problems/quadratic.hpp"

namespace theory {

// Predictions Cθ + Bp on n outputs, targets y_f for F and y_g for G, which differ by noise of deviation 0.1:
// F = ½‖Cθ + Bp − y_f‖² − offset, G = ½‖Cθ + Bp − y_g‖² without the terms that are constant in p. C has
// curvature `strong` on its first four coordinates and 1 on the others; the adapters change those four
// outputs and `extra` outputs that θ does not change.
struct AdaptedModel {
  static constexpr Eigen::Index kStrong = 4, kBackbone = 24;
  zofo::problems::Quadratic problem;
  double offset = 0.0;             // the squared loss is F + offset
  double strong = 1.0;             // ‖∇²_θF‖
  double lower_smoothness = 1.25;  // of G and of F in p; μ = 1
  double start_loss = 0.0;         // at θ = 0, p = 0
  double fixed_floor = 0.0;        // min over θ with p = 0
  double adapted_floor = 0.0;      // min over θ of φ
  Eigen::VectorXd weak;            // the start's residuals of curvature 1, and
  Eigen::VectorXd stiff;           // those of curvature `strong`
};

inline AdaptedModel adapted_model(double strong, Eigen::Index extra, std::uint64_t seed) {
  using Eigen::MatrixXd;
  using Eigen::VectorXd;
  constexpr Eigen::Index k = AdaptedModel::kStrong, d = AdaptedModel::kBackbone;
  const Eigen::Index n = d + extra, m = k + extra;
  const auto normal = [&](std::uint32_t stream, Eigen::Index size) {
    VectorXd x(size);
    zofo::normals({seed, 0, 0}, stream, 0, x.data(), static_cast<std::size_t>(size));
    return x;
  };
  MatrixXd C = MatrixXd::Zero(n, d), B = MatrixXd::Zero(n, m);
  C.diagonal().setOnes();
  C.diagonal().head(k).setConstant(std::sqrt(strong));
  // B mixes its outputs by a reflection and gives them curvatures of 1 to 1.25.
  const VectorXd u = normal(0, m).normalized();
  const MatrixXd mixed = VectorXd::LinSpaced(m, 1.0, std::sqrt(1.25)).asDiagonal() *
                         (MatrixXd::Identity(m, m) - 2.0 * u * u.transpose());
  B.topRows(k) = mixed.topRows(k);
  B.bottomRows(extra) = mixed.bottomRows(extra);
  VectorXd y = normal(1, n);
  y.head(k) *= std::sqrt(static_cast<double>(d - k) / k);  // half of the loss
  const VectorXd y_f = y + 0.1 * normal(2, n), y_g = y + 0.1 * normal(3, n);

  AdaptedModel model;
  zofo::problems::Quadratic& q = model.problem;
  q.Q = C.transpose() * C;
  q.R = B.transpose() * B;
  q.S = C.transpose() * B;
  q.H = q.R;
  const MatrixXd inverse = q.R.inverse();
  q.A = -inverse * B.transpose() * C;
  q.b = inverse * B.transpose() * y_g;
  q.c = inverse * B.transpose() * y_f;
  q.a = q.Q.diagonal().cwiseInverse().asDiagonal() * (C.transpose() * y_f);
  q.check();
  model.strong = strong;
  model.start_loss = 0.5 * y_f.squaredNorm();
  model.offset = model.start_loss - q.upper(VectorXd::Zero(d), VectorXd::Zero(m));
  model.fixed_floor = 0.5 * y_f.tail(extra).squaredNorm();
  // At p* = argmin G the residual of F is y_g − y_f on the outputs that the adapters change.
  model.adapted_floor = 0.5 * ((y_g - y_f).head(k).squaredNorm() + (y_g - y_f).tail(extra).squaredNorm());
  model.weak = y_f.segment(k, d - k);
  model.stiff = y_f.head(k);
  return model;
}

}  // namespace theory
