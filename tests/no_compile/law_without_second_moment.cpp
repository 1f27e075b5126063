// expect: zofo: Law needs add(theta, direction, a) and second_moment_factor(d) (concept Perturbation)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

struct Wrong {
  void add(Eigen::VectorXd&, zofo::Direction, double) const {}
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver(problem, Wrong{}, zofo::Central{}, zofo::outer::Sgd{}, zofo::inner::Sgd{}, {});
}
