// A bilevel problem of one's own: pick the weight decay θ of each feature on validation rows; p are the weights.
#include <fmt/ranges.h>

#include "zofo/zofo.hpp"

using Vector = Eigen::VectorXd;
using zofo::Sample;

struct WeightDecay {
  using Theta = Vector;  // log of the decay, one a feature
  using Lower = Vector;  // the weights of a linear model
  Eigen::MatrixXd train, held_out;
  Vector train_y, held_out_y;

  double upper(const Theta&, const Lower& p, Sample) const { return (held_out * p - held_out_y).squaredNorm(); }
  double lower(const Theta& theta, const Lower& p, Sample) const {
    return (train * p - train_y).squaredNorm() + theta.array().exp().matrix().dot(p.cwiseAbs2());
  }
  double upper_gradient(const Theta& theta, const Lower& p, Sample sample, Lower& g) const {
    g = 2 * held_out.transpose() * (held_out * p - held_out_y);
    return upper(theta, p, sample);
  }
  double lower_gradient(const Theta& theta, const Lower& p, Sample sample, Lower& g) const {
    g = 2 * train.transpose() * (train * p - train_y) + 2 * theta.array().exp().matrix().cwiseProduct(p);
    return lower(theta, p, sample);
  }
};

int main() {
  const Eigen::MatrixXd rows = Eigen::MatrixXd::Random(48, 8) / 7;  // only the first two features matter
  const Vector y = rows.leftCols(2).rowwise().sum() + 0.05 * Vector::Random(48);
  WeightDecay problem{rows.topRows(16), rows.bottomRows(32), y.head(16), y.tail(32)};
  zofo::Solver solver{problem, zofo::Rademacher{}, zofo::Central{{.epsilon = 1e-3, .queries = 2}},
                      zofo::outer::Sgd{{.rate = 3.0}}, zofo::inner::Nesterov{{.rate = 0.02}},
                      zofo::BilevelOptions{.outer_steps = 500, .inner_steps = 20, .penalty = 10.0}};
  Vector theta = Vector::Constant(8, -3.0), p = Vector::Zero(8), s = p;
  const auto first = solver.step(theta, p, s), last = solver.run(theta, p, s);
  fmt::print("held-out loss {:.4f} -> {:.4f}; log decay {:.1f}\n", first.upper, last.upper,
             fmt::join(theta.begin(), theta.end(), " "));
  return last.upper < first.upper ? 0 : 1;
}
