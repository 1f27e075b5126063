// I4: warm start. When θ changes by δ a round, s*(θ) changes by at most (L/μ)δ, and T = O(κ) steps a round
// keep the error bounded for any number of rounds.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/core/random.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

namespace theory {

// The number of steps that halves an error by I1: (1 − 1/κ)^T ≤ ½.
inline std::uint32_t halving_steps(double condition) {
  return static_cast<std::uint32_t>(std::ceil(std::log(2.0) / -std::log1p(-1.0 / condition)));
}

// The library's solver with a θ that the test changes. Each round starts with the p and s of the last one.
struct WarmRounds {
  using Problem = zofo::problems::Quadratic;
  using Inner = zofo::inner::GradientDescent;
  zofo::Solver<Problem, zofo::Gaussian, zofo::Central, zofo::outer::Sgd, Inner> solver;
  WarmRounds(Problem& problem, Inner lower, Inner upper, std::uint32_t steps, double penalty)
      : solver(
            problem, zofo::Policies{zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{}, lower, upper},
            {.inner_steps = steps, .penalty = penalty, .normalize_penalty = false, .move_backbone = false}) {}
  void operator()(Eigen::VectorXd& theta, Eigen::VectorXd& p, Eigen::VectorXd& s) {
    zofo::AdapterPair<Eigen::VectorXd> pair{p, s};
    solver.step(theta, pair);
    p = pair.upper;
    s = pair.lower;
  }
};

// Largest over the rounds: the distance of s from s*(θ) and of p from p_λ(θ) after a round, divided by the
// largest change of the minimiser in one round; and that change divided by (L/μ)δ.
struct Lag {
  double s = 0.0, p = 0.0, moved = 0.0;
};

// 1,000 rounds; θ changes by δ = 1 a round along `drift`, or in a random direction if it is empty.
template <class Rounds>
Lag i4_lag(zofo::problems::Quadratic problem, double condition, std::uint32_t steps, Eigen::VectorXd drift,
           std::uint64_t seed, Series* curve) {
  constexpr double penalty = 10.0;
  const Eigen::MatrixXd upper = problem.R + penalty * problem.H;
  const auto top = [](const Eigen::MatrixXd& m) {
    return Eigen::JacobiSVD<Eigen::MatrixXd>(m).singularValues()[0];
  };
  Rounds rounds(problem, {{1.0 / top(problem.H)}}, {{1.0 / top(upper)}}, steps, penalty);
  const double farthest = top(problem.H * problem.A) * condition / top(problem.H);  // L/μ, times δ = 1
  Eigen::VectorXd theta = problem.start().theta;
  Eigen::VectorXd s_star = problem.lower_solution(theta), p_star = problem.penalty_solution(theta, penalty);
  Eigen::VectorXd s = s_star, p = p_star;
  double moved_s = 0.0, moved_p = 0.0;
  Lag lag;
  for (std::uint32_t k = 0; k < 1000; ++k) {
    Eigen::VectorXd step = drift;
    if (drift.size() == 0) {
      step.resize(theta.size());
      zofo::normals({seed, k, 0}, 0, 0, step.data(), static_cast<std::size_t>(step.size()));
      step.normalize();
    }
    theta += step;
    const Eigen::VectorXd s_next = problem.lower_solution(theta);
    const Eigen::VectorXd p_next = problem.penalty_solution(theta, penalty);
    moved_s = std::max(moved_s, (s_next - s_star).norm());
    moved_p = std::max(moved_p, (p_next - p_star).norm());
    s_star = s_next;
    p_star = p_next;
    rounds(theta, p, s);
    const double far_s = (s - s_star).norm(), far_p = (p - p_star).norm();
    lag.s = far_s <= lag.s ? lag.s : far_s;  // a NaN is kept
    lag.p = far_p <= lag.p ? lag.p : far_p;
    if (curve && std::find(curve->x.begin(), curve->x.end(), k + 1.0) != curve->x.end())
      curve->y.push_back(far_s);
  }
  if (curve)
    for (double& y : curve->y) y /= moved_s;
  return {lag.s / moved_s, lag.p / moved_p, moved_s / farthest};
}

// The recursion e ← (1 − 1/κ)^T (e + Δ) from e = 0 stays below Δ when (1 − 1/κ)^T ≤ ½. It reaches Δ when s*
// changes along the eigenvector of the least eigenvalue, so the bound is sharp.
template <class Rounds>
Verdict i4_with(double share_of_steps, const Effort& effort) {
  Verdict v;
  v.id = "I4";
  v.statement = "warm start: T that halves the error keeps it below one move of s*, over 1,000 rounds";
  v.figure = {.x_label = "outer round",
              .y_label = "‖s − s*(θ)‖ / the farthest that s* moves in a round",
              .log_y = false};
  std::vector<double> conditions{10.0, 100.0};
  if (effort.full) conditions.push_back(1000.0);
  for (const double condition : conditions) {
    const zofo::problems::Quadratic problem = zofo::problems::random_quadratic(
        {Eigen::VectorXd::Ones(6),
         Eigen::VectorXd::LinSpaced(6, -std::log(condition), 0.0).array().exp().matrix()},
        effort.seed);
    const Eigen::VectorXd flattest =
        Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(problem.H).eigenvectors().col(0);
    const Eigen::VectorXd along = problem.A.lu().solve(flattest).normalized();
    const auto steps = static_cast<std::uint32_t>(std::ceil(share_of_steps * halving_steps(condition)));
    for (const bool straight : {true, false}) {
      const std::string where =
          fmt::format("kappa = {:g}, T = {}, {} drift: ", condition, steps, straight ? "straight" : "random");
      Series curve{.label = fmt::format("κ = {:g}, {} drift", condition, straight ? "straight" : "random"),
                   .x = {1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 700, 1000},
                   .y = {},
                   .error = {}};
      const Lag lag = i4_lag<Rounds>(problem, condition, steps, straight ? along : Eigen::VectorXd{},
                                     effort.seed, &curve);
      v.add(at_most(where + "largest error of s / move of s*", 1.0, lag.s));
      v.add(at_most(where + "largest error of p / move of p_lambda", 1.0, lag.p));
      v.add(at_most(where + "move of s* / ((L/mu) delta)", 1.0 + 1e-9, lag.moved));
      if (straight) v.add(at_least(where + "the same, sharp", 0.8, lag.s));
      v.series.push_back(std::move(curve));
    }
  }
  return v;
}

inline Verdict i4(const Effort& effort) { return i4_with<WarmRounds>(1.0, effort); }

}  // namespace theory
