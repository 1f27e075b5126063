// C8: after meta-training with one adapter per task, adaptation to unseen tasks has a smaller error than from
// the start, and than after joint training without adapters.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "theory/statistics.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/estimate/central.hpp"
#include "zofo/inner/gradient_descent.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"
#include "zofo/problems/linear_meta_family.hpp"

namespace theory {

struct C8Setting {
  std::uint32_t outer_steps = 1000, inner_steps = 3;
  double penalty = 10.0;
  bool adapters = true;  // false: only θ is trained (joint training by zeroth-order steps)
};

// Errors on unseen tasks, in the terms of LinearMetaFamily::adapted_error, after each tenth of the outer
// steps; and those of the start, of joint training's limit and of the best backbone for the training tasks.
struct C8Errors {
  std::vector<double> along;
  double start = kNaN, joint = kNaN, best = kNaN;
};

template <class Distribution>
C8Errors c8_errors(const Distribution& distribution, const C8Setting& setting, std::uint64_t seed) {
  using zofo::problems::LinearMetaTask;
  using Matrix = Eigen::MatrixXd;
  const auto family = zofo::problems::linear_meta_family({.shift_mean = 0.5}, seed);
  std::vector<LinearMetaTask> tasks;
  double smoothness = 0.0, outer_smoothness = 0.0;
  for (const auto& made : family.training) {
    tasks.push_back(made.problem);
    const Matrix z = made.problem.support().inputs * made.problem.right_factor();
    const Matrix w = made.problem.query().inputs * made.problem.right_factor();
    const auto top = [](const Matrix& x) {
      return Eigen::SelfAdjointEigenSolver<Matrix>(x.transpose() * x).eigenvalues().maxCoeff() /
             static_cast<double>(x.rows());
    };
    smoothness = std::max({smoothness, top(z) + 0.01, top(w)});
    outer_smoothness += top(made.problem.query().inputs) / static_cast<double>(family.training.size());
  }
  Matrix theta = Matrix::Zero(family.backbone.rows(), family.backbone.cols());
  const auto d = static_cast<double>(theta.size());
  zofo::BilevelOptions options{.outer_steps = setting.outer_steps,
                               .inner_steps = setting.inner_steps,
                               .penalty = setting.penalty,
                               .normalize_penalty = false};
  if (!setting.adapters) options = options.mezo();
  // Not the family's seed: W* consists of its first numbers, and directions must be independent of W*.
  zofo::Solver solver(
      tasks,
      zofo::Policies{distribution, zofo::Central{1e-3, 1, seed + 1000},
                     zofo::outer::Sgd{1.0 / ((d + 2.0) * outer_smoothness)},
                     zofo::inner::GradientDescent{1.0 / smoothness},
                     zofo::inner::GradientDescent{1.0 / (smoothness * (1.0 + setting.penalty))}},
      options);
  const Matrix none = Matrix::Zero(theta.rows(), tasks[0].right_factor().cols());
  std::vector<zofo::AdapterPair<Matrix>> adapters(tasks.size(), {none, none});
  C8Errors errors{{},
                  family.adapted_error(theta),
                  family.adapted_error(family.joint_minimiser()),
                  family.adapted_error(family.phi_minimiser())};
  for (std::uint32_t k = 0; k < setting.outer_steps; ++k) {
    solver.step(theta, adapters);
    if ((k + 1) % (setting.outer_steps / 10) == 0) errors.along.push_back(family.adapted_error(theta));
  }
  return errors;
}

template <class Distribution>
Verdict c8_with(const Distribution& distribution, C8Setting setting, const Effort& effort) {
  Verdict v;
  v.id = "C8";
  v.statement = "meta-training: k-shot error on unseen tasks below the start's and joint training's";
  v.figure = {.x_label = "outer step", .y_label = "error after adaptation, unseen tasks", .log_x = false};
  setting.outer_steps = effort.draws(setting.outer_steps, 4 * setting.outer_steps);
  constexpr std::uint32_t seeds = 20;
  std::vector<C8Errors> all(seeds);
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (std::uint32_t i = 0; i < seeds; ++i) {
    try {
      all[i] = c8_errors(distribution, setting, effort.seed + i);
    } catch (const zofo::Error&) {
      all[i].along.assign(10, kNaN);  // the run diverged
    }
  }
  Moments to_start, to_joint, to_best;
  Series trained{.label = "meta-training", .x = {}, .y = {}, .error = {}};
  std::vector<Series> lines;
  for (const char* label : {"start", "joint training, limit", "best for the training tasks"})
    lines.push_back({.label = label, .x = {}, .y = {}, .error = {}, .slope = kNaN, .line = true});
  for (std::size_t i = 0; i < 10; ++i) {
    Moments here, start, joint, best;
    for (const C8Errors& e : all) {
      here.add(e.along[i]);
      start.add(e.start);
      joint.add(e.joint);
      best.add(e.best);
    }
    trained.x.push_back(static_cast<double>(setting.outer_steps / 10 * (i + 1)));
    trained.y.push_back(here.mean());
    trained.error.push_back(here.error());
    const double means[] = {start.mean(), joint.mean(), best.mean()};
    for (std::size_t l = 0; l < 3; ++l) {
      lines[l].x.push_back(trained.x.back());
      lines[l].y.push_back(means[l]);
    }
  }
  for (const C8Errors& e : all) {
    to_start.add(std::log(e.along.back() / e.start));
    to_joint.add(std::log(e.along.back() / e.joint));
    to_best.add(std::log(e.along.back() / e.best));
  }
  v.add(mean_at_most("log(error / the start's), 20 seeds paired", 0.0, to_start));
  v.add(mean_at_most("log(error / joint training's), 20 seeds paired", 0.0, to_joint));
  v.add(mean_at_most("log(error / that of the training tasks' best backbone)", 0.5, to_best));
  v.series = {trained};
  v.series.insert(v.series.end(), lines.begin(), lines.end());
  return v;
}

inline Verdict c8(const Effort& effort) { return c8_with(zofo::Gaussian{}, C8Setting{}, effort); }

}  // namespace theory
