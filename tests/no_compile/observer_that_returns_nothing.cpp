// expect: zofo: the observer needs operator()(const StepReport&) -> bool (concept Observer)
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

int main() {
  zofo::problems::Quadratic problem;
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{}, zofo::inner::Sgd{}, {});
  Eigen::VectorXd theta, p, s;
  solver.run(theta, p, s, [](const zofo::StepReport&) {});
}
