// expect: zofo: Law needs add(theta, direction, a) and second_moment_factor(d) (concept Perturbation)
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

struct Wrong {
  void add(Eigen::VectorXd&, zofo::Direction, double) const {}
};

int main() {
  zofo::problems::Quadratic problem;
  zofo::Solver solver(problem, Wrong{}, zofo::Central{}, zofo::outer::Sgd{}, zofo::inner::Sgd{}, {});
}
