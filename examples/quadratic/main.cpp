// A bilevel problem with a known solution, solved without gradients in θ.
#include <cstdio>

#include "zofo/problems/quadratic.hpp"
#include "zofo/zofo.hpp"

int main() {
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(8), zero = Eigen::VectorXd::Zero(8);
  auto problem = zofo::problems::random_quadratic({.upper = ones, .lower = ones}, /*seed*/ 1);
  zofo::Solver solver{
      problem,
      zofo::Policies{.estimator = zofo::Central{.epsilon = 1e-3, .queries = 2},  // losses -> gradient
                     .outer = zofo::outer::Sgd{.rate = 0.02},                    // how theta is updated
                     .lower = zofo::inner::GradientDescent{.rate = 0.1}},        // how p and s are
      zofo::BilevelOptions{.outer_steps = 2000, .inner_steps = 5, .penalty = 10}};
  Eigen::VectorXd theta = zero;
  zofo::AdapterPair adapters{zero, zero};
  std::printf("phi(theta) = %.4f before", problem.phi(theta));
  solver.solve(theta, adapters);
  std::printf(", %.4f after; |grad phi| = %.3f\n", problem.phi(theta), problem.phi_gradient(theta).norm());
}
