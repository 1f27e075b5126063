// expect: zofo: Outer needs State<Theta> and apply(theta, perturbation, gradient, state) (concept
// OuterOptimizer)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/outer/box.hpp"
#include "zofo/outer/projected.hpp"

struct Wrong {};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver{problem, zofo::Policies{.outer = zofo::outer::Projected{Wrong{}, zofo::outer::Box{}}}};
}
