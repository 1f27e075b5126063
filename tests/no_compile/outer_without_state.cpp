// expect: zofo: Outer needs State<Theta> and apply(theta, perturbation, gradient, state) (concept
// OuterOptimizer)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"

struct Wrong {
  void apply(Eigen::VectorXd&, const zofo::Rademacher&, const zofo::ZoGradient&) const {}
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver{problem, zofo::Policies{.outer = Wrong{}}};
}
