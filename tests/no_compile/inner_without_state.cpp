// expect: zofo: Inner needs State<P> and step(objective, x, state) -> double (concept InnerSolver)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

struct Wrong {
  template <class Objective>
  double step(Objective&, Eigen::VectorXd&) const {
    return 0.0;
  }
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{}, Wrong{}, {});
}
