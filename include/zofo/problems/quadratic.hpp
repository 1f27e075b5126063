/// @file Quadratic upper and lower level, everything in closed form (THEORY.md §5).
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/QR>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/problems/constants.hpp"

namespace zofo::problems {

/// G = ½(p−Aθ−b)ᵀH(p−Aθ−b), F = ½(θ−a)ᵀQ(θ−a) + ½(p−c)ᵀR(p−c) + θᵀSp; θ ∈ R^d, p ∈ R^m. Samples are ignored.
/// φ and L*_λ are quadratic too.
struct Quadratic {
  using Vector = Eigen::VectorXd;
  using Matrix = Eigen::MatrixXd;
  using Theta = Vector;
  using Adapter = Vector;

  Matrix A;     ///< m×d
  Matrix H;     ///< m×m, symmetric positive definite
  Matrix Q;     ///< d×d, symmetric
  Matrix R;     ///< m×m, symmetric positive semidefinite
  Matrix S;     ///< d×m
  Vector a;     ///< d
  Vector b, c;  ///< m

  /// Throws Error when a shape is wrong, a vector is empty or H is not positive definite.
  void check() const {
    const auto d = a.size(), m = b.size();
    require(d >= 1, "quadratic: a has {} entries: must have at least 1", d);
    require(m >= 1, "quadratic: b has {} entries: must have at least 1", m);
    shape("A", A, m, d);
    shape("H", H, m, m);
    shape("Q", Q, d, d);
    shape("R", R, m, m);
    shape("S", S, d, m);
    require(c.size() == m, "quadratic: c has {} entries: must have {}", c.size(), m);
    require(H.llt().info() == Eigen::Success, "quadratic: H must be positive definite");
  }

  /// F(θ, p).
  [[nodiscard]] double upper(const Vector& theta, const Vector& p, BatchKey /*sample*/ = {}) const {
    const Vector u = theta - a, v = p - c;
    return 0.5 * u.dot(Q * u) + 0.5 * v.dot(R * v) + theta.dot(S * p);
  }
  /// G(θ, p).
  [[nodiscard]] double lower(const Vector& theta, const Vector& p, BatchKey /*sample*/ = {}) const {
    const Vector r = p - lower_solution(theta);
    return 0.5 * r.dot(H * r);
  }
  /// F(θ, p), and ∇_p F in g.
  double upper_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    g = R * (p - c) + S.transpose() * theta;
    return upper(theta, p, sample);
  }
  /// G(θ, p), and ∇_p G in g.
  double lower_gradient(const Vector& theta, const Vector& p, BatchKey sample, Vector& g) const {
    g = H * (p - lower_solution(theta));
    return lower(theta, p, sample);
  }
  /// ∇_θ F(θ, p).
  [[nodiscard]] Vector upper_theta_gradient(const Vector& theta, const Vector& p,
                                            BatchKey /*sample*/ = {}) const {
    return Q * (theta - a) + S * p;
  }
  /// ∇_θ G(θ, p).
  [[nodiscard]] Vector lower_theta_gradient(const Vector& theta, const Vector& p,
                                            BatchKey /*sample*/ = {}) const {
    return -A.transpose() * (H * (p - lower_solution(theta)));
  }
  /// ∂²G/∂p² = H.
  [[nodiscard]] Matrix lower_hessian(const Vector& /*theta*/, const Vector& /*p*/, BatchKey = {}) const {
    return H;
  }
  /// ∂²G/∂p∂θ = −HA, m×d.
  [[nodiscard]] Matrix lower_cross(const Vector& /*theta*/, const Vector& /*p*/, BatchKey = {}) const {
    return -H * A;
  }
  /// ∂²F/∂p² = R.
  [[nodiscard]] Matrix upper_hessian(const Vector& /*theta*/, const Vector& /*p*/, BatchKey = {}) const {
    return R;
  }

  /// p*(θ) = Aθ + b.
  [[nodiscard]] Vector lower_solution(const Vector& theta) const { return A * theta + b; }
  /// p_λ(θ) = (R + λH)⁻¹ (Rc − Sᵀθ + λH(Aθ + b)).
  [[nodiscard]] Vector penalty_solution(const Vector& theta, double penalty) const {
    const Vector right = R * c - S.transpose() * theta + penalty * (H * lower_solution(theta));
    return (R + penalty * H).ldlt().solve(right);
  }
  /// φ(θ) = F(θ, p*(θ)).
  [[nodiscard]] double phi(const Vector& theta) const { return upper(theta, lower_solution(theta)); }
  /// ∇φ(θ) = ∇_θF + Aᵀ∇_pF at p*(θ).
  [[nodiscard]] Vector phi_gradient(const Vector& theta) const {
    const Vector p = lower_solution(theta);
    return upper_theta_gradient(theta, p) + A.transpose() * (R * (p - c) + S.transpose() * theta);
  }
  /// ∇²φ = Q + AᵀRA + SA + AᵀSᵀ, the same at every θ.
  [[nodiscard]] Matrix phi_hessian() const {
    const Matrix coupling = S * A;
    return Q + A.transpose() * R * A + coupling + coupling.transpose();
  }
  /// θ* = argmin φ = (∇²φ)⁻¹ (Qa − AᵀR(b−c) − Sb). Throws Error when φ has no unique minimum.
  [[nodiscard]] Vector phi_minimiser() const {
    const Eigen::LLT<Matrix> factor(phi_hessian());
    require(factor.info() == Eigen::Success,
            "quadratic: the Hessian of phi must be positive definite for a minimiser to exist");
    return factor.solve(Q * a - A.transpose() * (R * (b - c)) - S * b);
  }
  /// L*_λ(θ) = (F + λG)(θ, p_λ(θ)) − λ G(θ, s*(θ)), and G(θ, s*(θ)) = 0 here.
  [[nodiscard]] double penalty_value(const Vector& theta, double penalty) const {
    const Vector p = penalty_solution(theta, penalty);
    return upper(theta, p) + penalty * lower(theta, p);
  }
  /// ∇L*_λ(θ) by Danskin's theorem (THEORY.md P3).
  [[nodiscard]] Vector penalty_value_gradient(const Vector& theta, double penalty) const {
    const Vector p = penalty_solution(theta, penalty);
    const Vector difference =
        lower_theta_gradient(theta, p) - lower_theta_gradient(theta, lower_solution(theta));
    return upper_theta_gradient(theta, p) + penalty * difference;
  }

  /// θ_0 = 0, p_0 = s_0 = 0.
  [[nodiscard]] StartPoint<Theta, Adapter> start() const {
    return {Vector::Zero(a.size()), Vector::Zero(b.size()), Vector::Zero(b.size())};
  }
  /// All attained; effective_rank is that of ∇²φ, which is Q's when A = 0.
  [[nodiscard]] Constants constants() const {
    Constants k;
    detail::set_lower(k, detail::extreme_eigenvalues(H));
    k.upper_smoothness = detail::extreme_eigenvalues(R).high;
    detail::set_phi(k, phi_hessian());
    return k;
  }
  /// Source.
  [[nodiscard]] std::string_view citation() const {
    return "Quadratic upper and lower level, the standard test of penalty methods; P1 to P3 on it after "
           "Kwon, "
           "Kwon, Wright, Nowak, A fully first-order method for stochastic bilevel optimization, ICML 2023.";
  }

 private:
  static void shape(const char* name, const Matrix& matrix, Eigen::Index rows, Eigen::Index cols) {
    require(matrix.rows() == rows && matrix.cols() == cols, "quadratic: {} is {}x{}: must be {}x{}", name,
            matrix.rows(), matrix.cols(), rows, cols);
  }
};

/// What `random_quadratic` is made from: the spectra fix dimensions, condition numbers and effective ranks.
struct QuadraticSpectra {
  Eigen::VectorXd upper;        ///< eigenvalues of Q, d of them
  Eigen::VectorXd lower;        ///< eigenvalues of H, m of them, positive
  double coupling = 0.3;        ///< spectral size of A and S, about
  double adapter_weight = 1.0;  ///< R = adapter_weight · I
};

/// A problem with the given spectra in random bases; the same seed gives the same problem.
[[nodiscard]] inline Quadratic random_quadratic(const QuadraticSpectra& spectra, std::uint64_t seed) {
  using Matrix = Eigen::MatrixXd;
  const auto d = spectra.upper.size(), m = spectra.lower.size();
  require(d >= 1 && m >= 1, "quadratic: spectra of {} and {} eigenvalues: both must have at least 1", d, m);
  std::uint32_t stream = 0;
  const auto normal = [&](Eigen::Index rows, Eigen::Index cols) {
    Matrix x(rows, cols);
    normals(Direction{seed, 0, 0}, stream++, 0, x.data(), static_cast<std::size_t>(x.size()));
    return x;
  };
  const auto in_random_basis = [&](const Eigen::VectorXd& eigenvalues) -> Matrix {
    const auto n = eigenvalues.size();
    const Matrix basis = Eigen::HouseholderQR<Matrix>(normal(n, n)).householderQ();
    const Matrix product = basis * eigenvalues.asDiagonal() * basis.transpose();
    return 0.5 * (product + product.transpose());
  };
  const double size = spectra.coupling / std::sqrt(static_cast<double>(d + m));
  Quadratic problem;
  problem.A = size * normal(m, d);
  problem.H = in_random_basis(spectra.lower);
  problem.Q = in_random_basis(spectra.upper);
  problem.R = spectra.adapter_weight * Matrix::Identity(m, m);
  problem.S = size * normal(d, m);
  problem.a = normal(d, 1);
  problem.b = normal(m, 1);
  problem.c = normal(m, 1);
  problem.check();
  return problem;
}

}  // namespace zofo::problems
