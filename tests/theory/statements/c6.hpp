// C6: function evaluations to a target, of the whole algorithm and of single-level zeroth-order steps on θ
// only (p fixed at its start, as in MeZO).
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "theory/statements/adapted.hpp"
#include "theory/statistics.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/hypergradient/counted.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace theory {

// A step of rate η changes θ so that p must compensate a part hη. The inner steps must make that part small,
// or the outer loop has the Hessian at a fixed p: (1 − 1/κ)^T ≤ 1/(25 h), κ = 5/4.
struct C6Setting {
  double penalty = 10.0;
  bool train = true;  // inner steps on p and s
  [[nodiscard]] static std::uint32_t inner_steps(double strong) {
    return 2 + static_cast<std::uint32_t>(std::ceil(std::log(strong) / std::log(5.0)));
  }
  [[nodiscard]] zofo::BilevelOptions options(double strong) const {
    return {
        .inner_steps = inner_steps(strong), .penalty = penalty, .train_upper = train, .train_lower = train};
  }
  // Values per step: three losses at two probes, and three gradients of two values per inner step.
  [[nodiscard]] static double cost(double strong) { return 6.0 + 6.0 * inner_steps(strong); }
};
// Both learning rates are 1/(tr H + 2‖H‖) of the Hessian of the method's objective. On an isotropic Hessian
// this rate decreases E f fastest (C2), and C3 has the same rate.
inline double c6_rate_fixed(const AdaptedModel& m) {
  return 1.0 / (AdaptedModel::kStrong * m.strong + (AdaptedModel::kBackbone - AdaptedModel::kStrong) +
                2.0 * m.strong);
}
inline double c6_rate_adapted() { return 1.0 / (AdaptedModel::kBackbone - AdaptedModel::kStrong + 2.0); }

// Evaluations until the loss at (θ, p) is at most `target`; NaN if `most` steps are not enough.
template <class Distribution>
double c6_evaluations(const AdaptedModel& model, const Distribution& distribution,
                      const zofo::BilevelOptions& options, double rate, double target, std::uint32_t most,
                      std::uint64_t seed) {
  zofo::problems::Quadratic problem = model.problem;
  zofo::Counted<zofo::problems::Quadratic> counted{problem};
  const double smoothness = model.lower_smoothness;
  zofo::BilevelOptions plain = options;  // the rate of p is 1/L of F + λG itself
  plain.normalize_penalty = false;
  zofo::Solver solver(
      counted,
      zofo::Policies{distribution, zofo::Central{1e-3, 1, seed}, zofo::outer::Sgd{rate},
                     zofo::inner::GradientDescent{1.0 / smoothness},
                     zofo::inner::GradientDescent{1.0 / (smoothness * (1.0 + options.penalty.at(0)))}},
      plain);
  auto [theta, p, s] = problem.start();
  zofo::AdapterPair<Eigen::VectorXd> pair{p, s};
  for (std::uint32_t k = 0; k < most; ++k) {
    solver.step(theta, pair);
    const double loss = problem.upper(theta, pair.upper) + model.offset;
    if (loss <= target) return counted.count.total(2.0);
    if (!(loss < 1e9)) break;
  }
  return kNaN;
}

// Steps until E loss ≤ target by the exact recursion of the second moments, E ĝĝᵀ = ‖g‖² I + 2ggᵀ: for a mode
// of curvature h, v ← (1 − 2ηh + 2η²h²) v + η² Σ h_j² v_j. `stiff` and `weak` are the squared residuals of
// curvature h and 1.
inline double c6_predicted(double h, double stiff, double weak, double floor, double rate, double target) {
  double v_stiff = stiff / h, v_weak = weak;
  const double many = AdaptedModel::kStrong, rest = AdaptedModel::kBackbone - AdaptedModel::kStrong;
  for (int k = 0; k < 10000000; ++k) {
    if (0.5 * (h * v_stiff + v_weak) + floor <= target) return k;
    const double size = h * h * v_stiff + v_weak;
    v_stiff = (1.0 - 2.0 * rate * h + 2.0 * rate * rate * h * h) * v_stiff +
              (stiff > 0.0 ? many : 0.0) * rate * rate * size;
    v_weak = (1.0 - 2.0 * rate + 2.0 * rate * rate) * v_weak + rest * rate * rate * size;
  }
  return kNaN;
}

// Ratio of evaluations, measured and predicted, of one seed.
struct C6Ratio {
  double measured = kNaN, predicted = kNaN;
};
template <class Distribution>
C6Ratio c6_ratio(double strong, const Distribution& distribution, const C6Setting& setting,
                 std::uint64_t seed) {
  const AdaptedModel model = adapted_model(strong, 0, seed);
  const double target = model.fixed_floor + 0.02 * (model.start_loss - model.fixed_floor);
  const zofo::BilevelOptions ours = setting.options(strong);
  const double fixed_rate = c6_rate_fixed(model), adapted_rate = c6_rate_adapted();
  const double fixed =
      c6_evaluations(model, zofo::Gaussian{}, ours.mezo(), fixed_rate, target, 1000000, seed + 500);
  const double adapted = c6_evaluations(model, distribution, ours, adapted_rate, target, 100000, seed + 501);
  const double weak = model.weak.squaredNorm(), stiff = model.stiff.squaredNorm();
  const double fixed_steps = c6_predicted(strong, stiff, weak, 0.0, fixed_rate, target);
  const double adapted_steps = c6_predicted(strong, 0.0, weak, model.adapted_floor, adapted_rate, target);
  return {adapted / fixed, C6Setting::cost(strong) * adapted_steps / (2.0 * fixed_steps)};
}

// Compares the median ratio and its bootstrap interval with 1: below 1 if `below`, else above. The
// false-alarm probability is that of the mean logarithm of the ratios, assumed normal.
inline Comparison c6_side(std::string what, const std::vector<double>& ratios, bool below,
                          std::uint64_t seed) {
  Moments logs;
  for (const double r : ratios) logs.add(std::log(r));
  const Interval interval = bootstrap_median(ratios, seed);
  return {.what = std::move(what),
          .predicted = below ? "< 1" : "> 1",
          .measured = below ? interval.high : interval.low,
          .low = interval.low,
          .high = interval.high,
          .allowed_low = below ? 0.0 : 1.0,
          .allowed_high = below ? 1.0 : kInfinity,
          .false_alarm = normal_tail(std::abs(logs.mean()) / logs.error())};
}

template <class Distribution>
Verdict c6_with(const Distribution& distribution, const C6Setting& setting, const Effort& effort) {
  Verdict v;
  v.id = "C6";
  v.statement =
      "evaluations to a target against theta only: fewer where the adapters take the strong curvature";
  v.figure = {.x_label = "curvature that the adapters take, over the rest",
              .y_label = "evaluations, bilevel / θ only"};
  const std::uint32_t seeds = effort.draws(20U, 60U);
  Series measured{.label = "median over the seeds", .x = {1, 10, 100, 1000}, .y = {}, .error = {}};
  if (effort.full) measured.x.push_back(10000);
  Series predicted{
      .label = "second-moment recursion", .x = measured.x, .y = {}, .error = {}, .slope = kNaN, .line = true};
  for (const double strong : measured.x) {
    std::vector<double> ratios(seeds), expected(seeds);
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
    for (std::uint32_t i = 0; i < seeds; ++i) {
      const C6Ratio r = c6_ratio(strong, distribution, setting,
                                 effort.seed + 1000 * i + static_cast<std::uint64_t>(strong));
      ratios[i] = r.measured;
      expected[i] = r.predicted;
    }
    Moments against;
    for (std::uint32_t i = 0; i < seeds; ++i) against.add(std::log(ratios[i] / expected[i]));
    const Interval interval = bootstrap_median(ratios, effort.seed);
    measured.y.push_back(median(ratios));
    measured.error.push_back(0.5 * (interval.high - interval.low));
    predicted.y.push_back(median(expected));
    v.add(mean_at_most(fmt::format("curvature {:g}: mean log(ratio / predicted)", strong), std::log(1.4),
                       against));
    v.add(mean_at_least(fmt::format("curvature {:g}: the same from below", strong), -std::log(1.4), against));
    if (strong == 1.0)
      v.add(c6_side("curvature 1: median ratio, lower end", ratios, false, effort.seed));
    else if (strong >= 1000.0)
      v.add(
          c6_side(fmt::format("curvature {:g}: median ratio, upper end", strong), ratios, true, effort.seed));
  }
  // With outputs that θ does not change, steps on θ only never reach a target that the whole algorithm
  // reaches.
  const zofo::BilevelOptions ours = setting.options(100.0);
  double least = kInfinity, most = 0.0;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const AdaptedModel model = adapted_model(100.0, 4, effort.seed + 1000 * i);
    const double target = 0.5 * (model.fixed_floor + model.adapted_floor);
    const double n = c6_evaluations(model, distribution, ours, c6_rate_adapted(), target, 20000,
                                    effort.seed + 1000 * i + 500);
    most = n <= most ? most : n;  // a NaN is kept
    least = std::min(least, model.fixed_floor / target);
  }
  v.add(at_least("outputs beyond theta: least over 20 seeds of the infimum of theta only / target", 1.0,
                 least));
  v.add(at_most("outputs beyond theta: most evaluations of the whole algorithm", 20000.0, most));
  v.series = {measured, predicted};
  return v;
}

inline Verdict c6(const Effort& effort) { return c6_with(zofo::Gaussian{}, C6Setting{}, effort); }

}  // namespace theory
