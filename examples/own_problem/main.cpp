// A user-defined bilevel problem: θ is the log weight decay of a linear model p, chosen on held-out examples.
#include "zofo/zofo.hpp"

using Eigen::MatrixXd;
using Eigen::VectorXd;

int main() {
  const MatrixXd data = MatrixXd::Random(40, 12), train = data.topRows(20), held_out = data.bottomRows(20);
  const VectorXd y = data.col(0) + VectorXd::Random(40), train_y = y.head(20), held_out_y = y.tail(20);
  const auto F = [&](const VectorXd&, const VectorXd& p) {
    return (held_out * p - held_out_y).squaredNorm();
  };
  const auto dF = [&](const VectorXd& t, const VectorXd& p, VectorXd& g) {
    g = 2 * held_out.transpose() * (held_out * p - held_out_y);
    return F(t, p);
  };
  const auto G = [&](const VectorXd& t, const VectorXd& p) {
    return (train * p - train_y).squaredNorm() + std::exp(t[0]) * p.squaredNorm();
  };
  const auto dG = [&](const VectorXd& t, const VectorXd& p, VectorXd& g) {
    g = 2 * train.transpose() * (train * p - train_y) + 2 * std::exp(t[0]) * p;
    return G(t, p);
  };
  auto problem = zofo::simple_problem<VectorXd, VectorXd>(F, dF, G, dG);
  zofo::Solver solver{problem,
                      zofo::Policies{.outer = zofo::outer::Sgd{.rate = 0.01},
                                     .lower = zofo::inner::GradientDescent{.rate = 0.01}},
                      zofo::BilevelOptions{.outer_steps = 800}};
  VectorXd theta = VectorXd::Constant(1, -3);
  zofo::AdapterPair adapters{VectorXd(VectorXd::Zero(12)), VectorXd(VectorXd::Zero(12))};
  const zofo::Solution end = solver.solve(theta, adapters);
  fmt::print("held-out loss {:.2f}, log weight decay {:.2f}; {}\n", end.last.upper, theta[0], end.message());
}
