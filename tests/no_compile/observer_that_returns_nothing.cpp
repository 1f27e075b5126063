// expect: zofo: the observer needs operator()(const StepReport&) -> bool (concept Observer)
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

int main() {
  zofo::problems::Quadratic problem;
  zofo::Solver solver(
      problem, zofo::Policies{zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{}, zofo::inner::Sgd{}},
      zofo::BilevelOptions{});
  Eigen::VectorXd theta;
  zofo::AdapterPair<Eigen::VectorXd> pair;
  solver.solve(theta, pair, [](const zofo::StepReport&) {});
}
