// expect: zofo: Outer needs State<Theta> and apply(theta, law, gradient, state) (concept OuterOptimizer)
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/box.hpp"
#include "zofo/outer/projected.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/quadratic.hpp"

struct Wrong {};

int main() {
  zofo::problems::Quadratic problem;
  zofo::outer::Projected outer{Wrong{}, zofo::outer::Box{}};
  zofo::Solver solver(problem, zofo::Gaussian{}, zofo::Central{}, outer, zofo::inner::Sgd{}, {});
}
