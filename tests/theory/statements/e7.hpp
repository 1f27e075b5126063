// E7: ZO-SVRG, ĝ_B(θ) − ĝ_B(θ̃) + ĝ_full(θ̃): unbiased, and the variance from batch and direction is
// proportional to ‖θ − θ̃‖².
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/random.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/variance/svrg.hpp"

namespace theory {

// F = mean of log(1 + exp(xᵢᵀθ)) + bᵢᵀθ over eight examples. A mini-batch is one example, sampled with
// repetition; the large batches are all examples in order. G = ½‖p‖² does not depend on θ.
struct FiniteSum {
  using Theta = Eigen::VectorXd;
  using Adapter = Eigen::VectorXd;
  static constexpr std::uint32_t kRows = 8;
  Eigen::MatrixXd x = Eigen::MatrixXd(6, kRows), b = Eigen::MatrixXd(6, kRows);
  FiniteSum() {
    zofo::normals({11, 0, 0}, 0, 0, x.data(), static_cast<std::size_t>(x.size()));
    zofo::normals({11, 0, 0}, 1, 0, b.data(), static_cast<std::size_t>(b.size()));
  }
  static Eigen::Index row(zofo::BatchKey sample) {
    if (sample.stream == zofo::stream_number(zofo::BatchStream::large_upper)) return sample.step % kRows;
    const zofo::PhiloxStream stream{{sample.seed, sample.step, sample.stream}, 99};
    return static_cast<Eigen::Index>((std::uint64_t{stream.block(0)[0]} * kRows) >> 32U);
  }
  double upper(const Theta& theta, const Adapter&, zofo::BatchKey sample) const {
    const Eigen::Index i = row(sample);
    return std::log1p(std::exp(x.col(i).dot(theta))) + b.col(i).dot(theta);
  }
  double lower(const Theta&, const Adapter& p, zofo::BatchKey) const { return 0.5 * p.squaredNorm(); }
  double upper_gradient(const Theta& theta, const Adapter& p, zofo::BatchKey sample,
                        Adapter& gradient) const {
    gradient = Adapter::Zero(p.size());
    return upper(theta, p, sample);
  }
  double lower_gradient(const Theta& theta, const Adapter& p, zofo::BatchKey sample,
                        Adapter& gradient) const {
    gradient = p;
    return lower(theta, p, sample);
  }
  [[nodiscard]] Eigen::VectorXd full_gradient(const Theta& theta) const {
    const Eigen::ArrayXd weight = 1.0 / (1.0 + (-(x.transpose() * theta).array()).exp());
    return (x * weight.matrix() + b.rowwise().sum()) / kRows;
  }
};

inline Eigen::VectorXd e7_anchor() { return Eigen::VectorXd::LinSpaced(6, -0.5, 0.5); }
inline Eigen::VectorXd e7_away() { return Eigen::VectorXd::Ones(6) / std::sqrt(6.0); }  // unit length

// The estimates of the library's solver as vectors. θ is set to `anchor` at the steps 0, 2, … if `alternate`,
// else at step 0 only, and to a point at distance r from it at the other steps, whose estimates are returned.
template <class Reduction>
std::vector<Eigen::ArrayXd> e7_estimates(const Reduction& reduction, double distance, bool alternate,
                                         std::uint32_t draws, std::uint64_t seed) {
  FiniteSum problem;
  const std::uint32_t steps = alternate ? 2 * draws : draws + 1;
  zofo::BilevelOptions options;
  options.outer_steps = steps;
  options.penalty = 0.0;
  options.train_upper = options.train_lower = false;
  options.seed = seed;
  zofo::Solver solver(
      problem,
      zofo::Policies{zofo::Gaussian{}, reduction, zofo::outer::Sgd{0.0}, zofo::inner::GradientDescent{}},
      options);
  const Eigen::VectorXd anchor = e7_anchor(), away = anchor + distance * e7_away();
  Eigen::VectorXd theta, estimated(anchor.size());
  zofo::AdapterPair<Eigen::VectorXd> pair{Eigen::VectorXd::Zero(1), Eigen::VectorXd::Zero(1)};
  std::vector<Eigen::ArrayXd> all;
  for (std::uint32_t k = 0; k < steps; ++k) {
    const bool at_anchor = k == 0 || (alternate && k % 2 == 0);
    theta = at_anchor ? anchor : away;
    const zofo::StepReport& report = solver.step(theta, pair);
    if (at_anchor) continue;
    estimated.setZero();
    for (const zofo::ZoTerm& term : report.gradient.terms)
      zofo::Gaussian{}.add(estimated, term.direction, term.coefficient);
    all.push_back(estimated.array());
  }
  return all;
}
inline Moments moments_of(const std::vector<Eigen::ArrayXd>& list) {
  Moments m(list.at(0).size());
  for (const Eigen::ArrayXd& x : list) m.add(x);
  return m;
}
// ‖ĝ − mean‖²: its mean is Var ĝ, summed over the coordinates.
inline Moments spread_of(const std::vector<Eigen::ArrayXd>& list) {
  const Eigen::ArrayXd mean = moments_of(list).means();
  Moments m;
  for (const Eigen::ArrayXd& x : list) m.add((x - mean).square().sum());
  return m;
}

// `make(period, seed)` is the reduction under test.
template <class Make>
Verdict e7_with(const Make& make, const Effort& effort) {
  Verdict v;
  v.id = "E7";
  v.statement = "SVRG: unbiased; variance of order |theta − anchor|², none at the anchor";
  v.figure = {.x_label = "‖θ − θ̃‖", .y_label = "Var ĝ"};
  const std::uint32_t draws = effort.draws(20000U, 400000U), never = draws + 1;
  Series reduced{.label = "SVRG", .x = {0.01, 0.03, 0.1, 0.3}, .y = {}, .error = {}, .slope = 2.0};
  Series plain{.label = "without", .x = reduced.x, .y = {}, .error = {}};
  for (const double distance : reduced.x) {
    const std::uint64_t seed = effort.seed + reduced.y.size();  // the points of the fit are independent
    const Moments with = spread_of(e7_estimates(make(never, seed), distance, false, draws, seed));
    reduced.y.push_back(with.mean());
    reduced.error.push_back(with.error());
    plain.y.push_back(
        spread_of(e7_estimates(zofo::Central{1e-4, 1, seed}, distance, false, draws, seed)).mean());
  }
  v.add(
      slope_is("variance against the distance", 2.0, log_log_fit(reduced.x, reduced.y, reduced.error), 0.2));
  const std::uint64_t seed = effort.seed + 10;
  const double at_anchor = spread_of(e7_estimates(make(never, seed), 0.0, false, 1000, seed)).mean();
  v.add(at_most("variance at the anchor / without", 1e-20, at_anchor / plain.y[0]));
  const FiniteSum problem;
  for (const double distance : {0.1, 2.0})
    v.add(means_are(fmt::format("mean at distance {:g} against the full gradient", distance),
                    moments_of(e7_estimates(make(2, seed + 1), distance, true, draws, seed + 1)),
                    problem.full_gradient(e7_anchor() + distance * e7_away()).array()));
  v.series = {reduced, plain};
  return v;
}

inline Verdict e7(const Effort& effort) {
  return e7_with(
      [](std::uint32_t period, std::uint64_t seed) {
        return zofo::variance::Svrg{zofo::Central{1e-4, 1, seed}, period, FiniteSum::kRows};
      },
      effort);
}

}  // namespace theory
