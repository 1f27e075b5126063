// A bilevel problem of one's own: θ is the log weight decay of a linear model p, chosen on held-out rows.
#include "zofo/zofo.hpp"

struct WeightDecay {
  using Theta = Eigen::VectorXd;
  using Adapter = Eigen::VectorXd;
  Eigen::MatrixXd train, held;
  Eigen::VectorXd y, held_y;
  double upper(const Theta&, const Adapter& p, zofo::BatchKey) { return (held * p - held_y).squaredNorm(); }
  double lower(const Theta& t, const Adapter& p, zofo::BatchKey) {
    return (train * p - y).squaredNorm() + std::exp(t[0]) * p.squaredNorm();
  }
  double upper_gradient(const Theta& t, const Adapter& p, zofo::BatchKey sample, Adapter& g) {
    g = 2 * held.transpose() * (held * p - held_y);
    return upper(t, p, sample);
  }
  double lower_gradient(const Theta& t, const Adapter& p, zofo::BatchKey sample, Adapter& g) {
    g = 2 * train.transpose() * (train * p - y) + 2 * std::exp(t[0]) * p;
    return lower(t, p, sample);
  }
};
int main() {
  const Eigen::MatrixXd rows = Eigen::MatrixXd::Random(40, 12);
  const Eigen::VectorXd y = rows.col(0) + Eigen::VectorXd::Random(40);
  WeightDecay problem{rows.topRows(20), rows.bottomRows(20), y.head(20), y.tail(20)};
  zofo::Solver solver{problem,
                      zofo::Rademacher{},
                      zofo::Central{},
                      zofo::outer::Sgd{{.rate = 0.01}},
                      zofo::inner::GradientDescent{{.rate = 2e-3}},
                      zofo::BilevelOptions{.outer_steps = 800}};
  Eigen::VectorXd theta = Eigen::VectorXd::Constant(1, -3), p = Eigen::VectorXd::Zero(12), s = p;
  fmt::print("held-out loss {:.2f}, log weight decay {:.2f}\n", solver.run(theta, p, s).upper, theta[0]);
}
