// expect: zofo: Outer needs State<Theta> and apply(theta, law, gradient, state) (concept OuterOptimizer)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/box.hpp"
#include "zofo/outer/projected.hpp"
#include "zofo/perturb/gaussian.hpp"

struct Wrong {};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::outer::Projected outer{Wrong{}, zofo::outer::Box{}};
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, outer, zofo::inner::Sgd{}, {});
}
