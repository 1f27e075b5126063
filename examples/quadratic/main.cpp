// The README's ten lines: a bilevel problem with known answers, solved without a gradient in θ.
#include <cstdio>

#include "zofo/problems/quadratic.hpp"
#include "zofo/zofo.hpp"

int main() {
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(8);
  auto problem = zofo::problems::random_quadratic({.upper = ones, .lower = ones}, /*seed*/ 1);
  zofo::Solver solver{problem,
                      zofo::Rademacher{},                              // what a direction is
                      zofo::Central{{.epsilon = 1e-3, .queries = 2}},  // losses at probes -> estimate
                      zofo::outer::Sgd{{.rate = 0.02}},                // how θ moves
                      zofo::inner::GradientDescent{{.rate = 0.1}},     // how p and s move
                      zofo::BilevelOptions{.outer_steps = 2000, .inner_steps = 5, .penalty = 10}};
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(8), p = theta, s = theta;
  std::printf("phi(theta) = %.4f before", problem.phi(theta));
  solver.run(theta, p, s);
  std::printf(", %.4f after; |grad phi| = %.3f\n", problem.phi(theta), problem.phi_gradient(theta).norm());
}
