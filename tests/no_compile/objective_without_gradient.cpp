// expect: zofo: the objective needs value_and_gradient(x, gradient) -> double (concept InnerObjective)
#include "zofo/inner/sgd.hpp"

struct ValueOnly {
  double value(const Eigen::VectorXd&) { return 0.0; }
};

int main() {
  ValueOnly objective;
  Eigen::VectorXd x;
  zofo::inner::Sgd::State<Eigen::VectorXd> state;
  zofo::inner::inner_solve(zofo::inner::Sgd{}, objective, x, state, {1});
}
