// expect: zofo: Outer needs State<Theta> and apply(theta, law, gradient, state) (concept OuterOptimizer)
#include "zofo/bilevel/single_level.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

struct Wrong {
  void apply(Eigen::VectorXd&, const zofo::Gaussian&, const zofo::ZoGradient&) const {}
};

int main() {
  auto problem =
      zofo::single_level<Eigen::VectorXd>([](const Eigen::VectorXd& x) { return x.squaredNorm(); });
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, Wrong{}, zofo::inner::Sgd{}, {});
}
