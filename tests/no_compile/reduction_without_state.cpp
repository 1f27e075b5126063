// expect: or State and estimate(step, evaluator, state, estimate) (concept VarianceReduction)
#include "zofo/problems/quadratic.hpp"
#include "zofo/zofo.hpp"

struct Forgetful {  // no State
  template <class V>
  void estimate(std::uint32_t, V&, int&, zofo::ZoGradient&) const {}
};

int main() {
  auto problem = zofo::problems::random_quadratic({Eigen::VectorXd::Ones(2), Eigen::VectorXd::Ones(2)}, 1);
  zofo::Solver solver(problem, zofo::Gaussian{}, Forgetful{}, zofo::outer::Sgd{}, zofo::inner::Adam{},
                      zofo::BilevelOptions{});
}
