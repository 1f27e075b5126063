// expect: zofo: a Theta of your own needs for_each_tensor(theta, f)
#include "zofo/zofo.hpp"

struct Network {  // for_each_tensor(theta, f) is missing
  Eigen::MatrixXd W, V;
};

int main() {
  const auto value = [](const Network& t, const Eigen::VectorXd& p) { return t.W.sum() * p.sum(); };
  const auto slope = [](const Network& t, const Eigen::VectorXd& p, Eigen::VectorXd&) {
    return t.W.sum() * p.sum();
  };
  auto problem = zofo::simple_problem<Network, Eigen::VectorXd>(value, slope, value, slope);
  zofo::Solver solver{problem, zofo::Policies{.estimator = zofo::Central{}}, zofo::BilevelOptions{}};
}
