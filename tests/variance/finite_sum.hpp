// f(θ) = mean over i of ½ (θ − cᵢ)ᵀ Dᵢ (θ − cᵢ), where a mini-batch is one i: the test function of the
// reductions.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/probe.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/variance/variance_reduction.hpp"

struct FiniteSum {
  std::vector<Eigen::VectorXd> centres, diagonals;

  FiniteSum(std::size_t n, Eigen::Index d) {
    for (std::uint32_t i = 0; i < n; ++i) {
      Eigen::VectorXd c(d), s(d);
      zofo::normals({77, i, 0}, 0, 0, c.data(), static_cast<std::size_t>(d));
      zofo::uniforms({77, i, 1}, 0, 0, s.data(), static_cast<std::size_t>(d));
      centres.push_back(c);
      diagonals.emplace_back(s.array() + 0.5);
    }
  }
  [[nodiscard]] double value(std::size_t i, const Eigen::VectorXd& x) const {
    return 0.5 * (x - centres[i]).dot(diagonals[i].cwiseProduct(x - centres[i]));
  }
  [[nodiscard]] Eigen::VectorXd gradient(std::size_t i, const Eigen::VectorXd& x) const {
    return diagonals[i].cwiseProduct(x - centres[i]);
  }
  [[nodiscard]] std::size_t row(zofo::variance::ProbeBatch batch) const {
    return (batch.large ? batch.number : std::size_t{batch.number} * 5 + 3) % centres.size();
  }
};

// An evaluator with only the members of the concept; it counts its requests.
struct SumEvaluator {
  const FiniteSum& sum;
  Eigen::VectorXd theta;
  Eigen::VectorXd anchor = theta;
  std::size_t requested_here = 0, requested_at_anchor = 0;
  std::vector<double> losses_here{}, losses_at_anchor{};  // both spans stay valid together

  std::span<const double> here(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch batch) {
    requested_here += probes.size();
    return at(theta, probes, batch, losses_here);
  }
  std::span<const double> at_anchor(std::span<const zofo::Probe> probes, zofo::variance::ProbeBatch batch) {
    requested_at_anchor += probes.size();
    return at(anchor, probes, batch, losses_at_anchor);
  }
  void move_anchor() { anchor = theta; }

 private:
  std::span<const double> at(const Eigen::VectorXd& x, std::span<const zofo::Probe> probes,
                             zofo::variance::ProbeBatch batch, std::vector<double>& losses) {
    losses.clear();
    for (const zofo::Probe& probe : probes) {
      Eigen::VectorXd moved = x;
      zofo::Gaussian{}.add(moved, probe.direction, probe.scale);
      losses.push_back(sum.value(sum.row(batch), moved));
    }
    return losses;
  }
};

// Σ c z(direction) as a vector.
inline Eigen::VectorXd dense(const zofo::ZoGradient& estimate, Eigen::Index d) {
  Eigen::VectorXd g = Eigen::VectorXd::Zero(d);
  for (const zofo::ZoTerm& term : estimate.terms) zofo::Gaussian{}.add(g, term.direction, term.coefficient);
  return g;
}

// The two-sided estimate of one quadratic from its gradient: mean over q of (zᵀ∇f) z, exact for every ε.
inline Eigen::VectorXd by_hand(const FiniteSum& sum, std::size_t row, const Eigen::VectorXd& x,
                               std::uint64_t seed, std::uint32_t step, std::uint32_t queries) {
  Eigen::VectorXd g = Eigen::VectorXd::Zero(x.size());
  for (std::uint32_t q = 0; q < queries; ++q) {
    Eigen::VectorXd z = Eigen::VectorXd::Zero(x.size());
    zofo::Gaussian{}.add(z, {seed, step, q}, 1.0);
    g += z * z.dot(sum.gradient(row, x)) / queries;
  }
  return g;
}
