// E5: independent batches on the two sides add variance ∝ σ²/ε²; common ones add none.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/core/random.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

// F = ⟨g, θ⟩ + noise of the upper batch, G = ½‖p‖² + noise of the lower batch, each of deviation σ.
struct NoisyLinear {
  using Theta = Eigen::VectorXd;
  using Adapter = Eigen::VectorXd;
  Eigen::VectorXd g = Eigen::VectorXd::LinSpaced(8, -1.0, 1.0);
  double sigma = 0.5;

  double upper(const Theta& theta, const Adapter&, zofo::BatchKey sample) {
    return g.dot(theta) + sigma * noise(sample);
  }
  double lower(const Theta&, const Adapter& p, zofo::BatchKey sample) {
    return 0.5 * p.squaredNorm() + sigma * noise(sample);
  }
  double upper_gradient(const Theta& theta, const Adapter& p, zofo::BatchKey sample, Adapter& gradient) {
    gradient = Adapter::Zero(p.size());
    return upper(theta, p, sample);
  }
  double lower_gradient(const Theta& theta, const Adapter& p, zofo::BatchKey sample, Adapter& gradient) {
    gradient = p;
    return lower(theta, p, sample);
  }
  static double noise(zofo::BatchKey sample) {
    double n = 0.0;
    zofo::normals({sample.seed + 77, sample.step, sample.stream}, 0, 0, &n, 1);
    return n;
  }
};

// The same with an independent batch for every value of F, the variance that common random numbers avoid.
struct OwnBatches : NoisyLinear {
  std::uint32_t calls = 0;
  double upper(const Theta& theta, const Adapter& p, zofo::BatchKey sample) {
    return NoisyLinear::upper(theta, p, {sample.seed + 1, calls++, sample.stream});
  }
};

// Mean of ρ² over the solver's steps with θ fixed: ‖g‖² without noise, since f is linear.
template <class Problem>
Moments e5_moments(Problem problem, double epsilon, std::uint32_t steps, std::uint64_t seed) {
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(problem.g.size());
  zofo::AdapterPair<Eigen::VectorXd> pair{Eigen::VectorXd::Ones(2), Eigen::VectorXd::Zero(2)};
  zofo::BilevelOptions options;
  options.outer_steps = steps;
  options.penalty = 1.0;
  options.train_upper = options.train_lower = false;
  options.seed = seed;
  zofo::Solver solver(problem,
                      zofo::Policies{zofo::Gaussian{}, zofo::Central{epsilon, 1, seed}, zofo::outer::Sgd{0.0},
                                     zofo::inner::GradientDescent{}},
                      options);
  Moments m;
  for (std::uint32_t k = 0; k < steps; ++k) {
    const double rho = solver.step(theta, pair).gradient.terms.at(0).coefficient;
    m.add(rho * rho / problem.g.squaredNorm());
  }
  return m;
}

// `common` is the problem whose two evaluations must have the same batch.
template <class Problem>
Verdict e5_with(const Problem& common, const Effort& effort) {
  Verdict v;
  v.id = "E5";
  v.statement = "independent batches on the two sides: variance of order sigma^2/epsilon^2";
  v.figure = {.x_label = "ε", .y_label = "E ρ² / ‖∇f‖² − 1"};
  const std::vector<double> epsilons{1e-3, 1e-2, 1e-1};
  const std::uint32_t steps = effort.draws(10000U, 200000U);
  OwnBatches own;
  Series independent{.label = "independent batches", .x = epsilons, .y = {}, .error = {}, .slope = -2.0};
  Series shared{.label = "common batches, |excess|", .x = epsilons, .y = {}, .error = {}};
  std::vector<Moments> of_common, of_own;
  for (const double epsilon : epsilons) {
    const std::uint64_t seed = effort.seed + of_own.size();  // the points of the fit are independent
    of_own.push_back(e5_moments(own, epsilon, steps, seed));
    of_common.push_back(e5_moments(common, epsilon, steps, seed));
    independent.y.push_back(of_own.back().mean() - 1.0);
    independent.error.push_back(of_own.back().error());
    shared.y.push_back(std::abs(of_common.back().mean() - 1.0));
    shared.error.push_back(of_common.back().error());
  }
  v.add(slope_is("excess, independent batches", -2.0, log_log_fit(epsilons, independent.y, independent.error),
                 0.2));
  const double excess = own.sigma * own.sigma / (2.0 * epsilons[0] * epsilons[0]) / own.g.squaredNorm();
  v.add(
      mean_is("excess at eps = 0.001: sigma²/(2 eps²)", excess, independent.y[0], independent.error[0], 0.2));
  for (std::size_t i = 0; i < epsilons.size(); ++i)
    v.add(mean_is(fmt::format("common batches, eps = {:g}", epsilons[i]), 1.0, of_common[i].mean(),
                  of_common[i].error(), 0.2));
  v.series = {independent, shared};
  return v;
}

inline Verdict e5(const Effort& effort) { return e5_with(NoisyLinear{}, effort); }

}  // namespace theory
