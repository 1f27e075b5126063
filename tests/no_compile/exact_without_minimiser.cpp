// expect: zofo: inner::Exact needs an objective with minimiser(x), which writes argmin into x
#include "zofo/inner/exact.hpp"

struct GradientOnly {
  double value_and_gradient(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    gradient = x;
    return 0.5 * x.squaredNorm();
  }
};

int main() {
  GradientOnly objective;
  Eigen::VectorXd x;
  zofo::inner::Exact::State<Eigen::VectorXd> state;
  zofo::inner::inner_solve(zofo::inner::Exact{}, objective, x, state, {1});
}
