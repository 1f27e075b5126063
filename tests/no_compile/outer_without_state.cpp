// expect: zofo: Outer needs State<Theta> and apply(theta, law, gradient, state) (concept OuterOptimizer)
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

struct Wrong {
  void apply(Eigen::VectorXd&, const zofo::Gaussian&, const zofo::ZoGradient&) const {}
};

int main() {
  zofo::problems::Quadratic problem;
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, Wrong{}, zofo::inner::Sgd{}, {});
}
