/// @file Quadratic upper and lower level with all solutions in closed form
/// (docs/results/theory/statements.md, "The analytic problems").
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/random.hpp"
#include "zofo/problems/constants.hpp"

namespace zofo::problems {

namespace detail {

/// Whether a symmetric matrix has a Cholesky factor; in plain loops, as Eigen's takes the compiler long.
template <class Matrix>
[[nodiscard]] bool is_positive_definite(Matrix x) {
  for (Eigen::Index k = 0; k < x.rows(); ++k) {
    for (Eigen::Index j = 0; j < k; ++j) x(k, k) -= x(k, j) * x(k, j);
    if (!(x(k, k) > 0)) return false;
    x(k, k) = std::sqrt(x(k, k));
    for (Eigen::Index i = k + 1; i < x.rows(); ++i) {
      for (Eigen::Index j = 0; j < k; ++j) x(i, k) -= x(i, j) * x(k, j);
      x(i, k) /= x(k, k);
    }
  }
  return true;
}

}  // namespace detail

/// G = ½(p−Aθ−b)ᵀH(p−Aθ−b), F = ½(θ−a)ᵀQ(θ−a) + ½(p−c)ᵀR(p−c) + θᵀSp; θ ∈ R^d, p ∈ R^m. Batch keys are
/// ignored.
/// φ and L*_λ are quadratic too.
///
/// It is a template so that a program compiles only the members that it calls: factorisations and eigenvalues
/// take the compiler long. `Quadratic` is QuadraticOf<double>.
template <class Number>
struct QuadraticOf {
  /// Of θ, p and gradients.
  using Vector = Eigen::Matrix<Number, Eigen::Dynamic, 1>;
  /// Of coefficients and second derivatives.
  using Matrix = Eigen::Matrix<Number, Eigen::Dynamic, Eigen::Dynamic>;
  using Theta = Vector;
  using Adapter = Vector;

  Matrix A;  ///< m×d
  Matrix H;  ///< m×m, symmetric positive definite
  Matrix Q;  ///< d×d, symmetric
  Matrix R;  ///< m×m, symmetric positive semidefinite
  Matrix S;  ///< d×m
  Vector a;  ///< d
  Vector b;  ///< m
  Vector c;  ///< m

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
    require(detail::is_positive_definite(H), "quadratic: H must be positive definite");
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
  /// ∇L*_λ(θ) by Danskin's theorem (docs/results/theory, P3).
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
  /// All are attained; effective_rank is that of ∇²φ, which is Q's if A = 0.
  [[nodiscard]] Constants constants() const {
    Constants k;
    detail::set_lower(k, detail::extreme_eigenvalues(H));
    k.upper_smoothness = detail::extreme_eigenvalues(R).high;
    detail::set_phi(k, phi_hessian());
    return k;
  }
  /// The source of the problem, on which P1 to P3 are measured (docs/results/theory, P1).
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

/// The quadratic problem in double precision.
using Quadratic = QuadraticOf<double>;

/// Options of random_quadratic: the spectra determine dimensions, condition numbers and effective ranks.
struct QuadraticSpectra {
  Eigen::VectorXd upper;        ///< the d eigenvalues of Q
  Eigen::VectorXd lower;        ///< the m eigenvalues of H, positive
  double coupling = 0.3;        ///< approximate spectral norm of A and S
  double adapter_weight = 1.0;  ///< R = adapter_weight · I
};

namespace detail {

/// Q of x = QR by Householder reflections (Golub & Van Loan 2013, §5.2), with the signs of
/// Eigen::HouseholderQR. In plain loops, as that class takes the compiler long.
[[nodiscard]] inline Eigen::MatrixXd orthogonal_factor(Eigen::MatrixXd x) {
  const Eigen::Index n = x.rows();
  Eigen::VectorXd weights = Eigen::VectorXd::Zero(n);
  // m ← (I − w v vᵀ) m on rows and columns from `first` on, v = (1, entries of column k of x below row k).
  const auto reflect = [&](Eigen::Index k, Eigen::MatrixXd& m, Eigen::Index first) {
    for (Eigen::Index j = first; j < n; ++j) {
      double sum = 0.0;
      for (Eigen::Index i = k + 1; i < n; ++i) sum += x(i, k) * m(i, j);
      sum += m(k, j);
      m(k, j) -= weights[k] * sum;
      for (Eigen::Index i = k + 1; i < n; ++i) m(i, j) -= weights[k] * x(i, k) * sum;
    }
  };
  for (Eigen::Index k = 0; k < n; ++k) {
    double below = 0.0;
    for (Eigen::Index i = k + 1; i < n; ++i) below += x(i, k) * x(i, k);
    if (below <= std::numeric_limits<double>::min()) continue;  // nothing to reflect
    const double head = x(k, k), length = std::sqrt(head * head + below);
    const double diagonal = head >= 0.0 ? -length : length;
    for (Eigen::Index i = k + 1; i < n; ++i) x(i, k) /= head - diagonal;
    weights[k] = (diagonal - head) / diagonal;
    reflect(k, x, k + 1);
  }
  Eigen::MatrixXd q = Eigen::MatrixXd::Identity(n, n);
  for (Eigen::Index k = n - 1; k >= 0; --k) reflect(k, q, k);
  return q;
}

/// The symmetric part of Q diag(λ) Qᵀ. Plain loops, as a product of matrices takes the compiler long.
[[nodiscard]] inline Eigen::MatrixXd conjugated(const Eigen::MatrixXd& q,
                                                const Eigen::VectorXd& eigenvalues) {
  const Eigen::Index n = q.rows();
  Eigen::MatrixXd product = Eigen::MatrixXd::Zero(n, n);
  for (Eigen::Index j = 0; j < n; ++j)
    for (Eigen::Index k = 0; k < n; ++k) {
      const double right = q(j, k);
      for (Eigen::Index i = 0; i < n; ++i) product(i, j) += (q(i, k) * eigenvalues[k]) * right;
    }
  for (Eigen::Index j = 0; j < n; ++j)
    for (Eigen::Index i = 0; i <= j; ++i)
      product(i, j) = product(j, i) = 0.5 * (product(i, j) + product(j, i));
  return product;
}

}  // namespace detail

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
    return detail::conjugated(detail::orthogonal_factor(normal(n, n)), eigenvalues);
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
