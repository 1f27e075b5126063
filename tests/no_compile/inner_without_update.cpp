// expect: zofo: an inner optimizer needs State<P> and update(gradient, x, state) (concept InnerOptimizer)
#include "zofo/inner/inner_solve.hpp"

struct Square {
  double value_and_gradient(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    gradient = x;
    return 0.5 * x.squaredNorm();
  }
};

// It evaluates the objective itself, which is not an optimizer's task.
struct Evaluating {
  template <class P>
  struct State {};
  double step(Square&, Eigen::VectorXd&, State<Eigen::VectorXd>&) const { return 0.0; }
};

int main() {
  Square objective;
  Eigen::VectorXd x;
  Evaluating::State<Eigen::VectorXd> state;
  zofo::inner::inner_solve(Evaluating{}, objective, x, state, {1});
}
