// expect: zofo: Inner needs State<P> and step(objective, x, state) -> double (concept InnerSolver)
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

struct Wrong {
  template <class Objective>
  double step(Objective&, Eigen::VectorXd&) const {
    return 0.0;
  }
};

int main() {
  zofo::problems::Quadratic problem;
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{}, Wrong{}, {});
}
