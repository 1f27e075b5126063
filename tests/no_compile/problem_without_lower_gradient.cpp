// expect: zofo: Problem needs Theta, Adapter, upper, lower, upper_gradient, lower_gradient
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/sgd.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

struct Wrong {
  using Theta = Eigen::VectorXd;
  using Adapter = Eigen::VectorXd;
  double upper(const Theta&, const Adapter&, zofo::BatchKey) { return 0.0; }
  double lower(const Theta&, const Adapter&, zofo::BatchKey) { return 0.0; }
  double upper_gradient(const Theta&, const Adapter&, zofo::BatchKey, Adapter&) { return 0.0; }
};

int main() {
  Wrong problem;
  zofo::Solver solver(
      problem, zofo::Policies{zofo::Gaussian{}, zofo::Central{}, zofo::outer::Sgd{}, zofo::inner::Sgd{}},
      zofo::BilevelOptions{});
}
