/// @file A task of meta-training as a bilevel problem, evaluated together with its fellows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "zofo/bilevel/joint_tasks.hpp"
#include "zofo/bilevel/task_sampling.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/core/batcher.hpp"
#include "zofo/train/language_problem.hpp"
#include "zofo/lm/packed_losses.hpp"

namespace zofo::llm {

/// The rows of a task: those of F and those of G, and those of F in θ's estimates where they are others.
struct TaskRows {
  std::vector<EncodedRow> upper, lower, unseen{};
};

/// F and G of one task, or of a mixture of tasks that share their adapters (tied): the mean over the tasks
/// that a sample draws of the mean loss of a mini-batch of each. A level without rows is 0. θ's estimates
/// (joint_terms) take F on rows that p never fits, where a task has such. Throws Error where a task has no
/// rows at all, or a row no options.
template <class Backend>
class BasicMetaTask {
 public:
  using Theta = typename Backend::Theta;
  using Adapter = typename Backend::Vector;
  using Transformer = model::BasicTransformer<Backend>;

  /// The rows and how they are drawn.
  struct Setup {
    std::vector<TaskRows> tasks;    ///< one, or those of a mixture
    std::size_t batch = 8;          ///< rows of a mini-batch of one task
    bool use_adapter = true;        ///< false: the backbone alone
    std::uint32_t each = 0;         ///< tasks of a mini-batch of the mixture; 0: all
    std::vector<double> weights{};  ///< chances of the mixture's tasks are proportional to these
  };

  BasicMetaTask(Transformer& transformer, Work& work, Setup setup)
      : transformer_(&transformer), work_(&work), setup_(std::move(setup)) {
    require(!setup_.tasks.empty(), "tasks: 0: must be at least 1");
    require(setup_.batch >= 1, "batch = {}: must be at least 1", setup_.batch);
    check_task_weights(setup_.weights, setup_.tasks.size());
    for (const TaskRows& task : setup_.tasks) {
      require(!task.upper.empty() || !task.lower.empty(), "training rows: 0: must be at least 1");
      for (const std::vector<EncodedRow>* rows : {&task.upper, &task.lower, &task.unseen})
        for (const EncodedRow& row : *rows) {
          require(row.options != nullptr, "training rows: a row has no options");
          row.options->check();
        }
    }
  }

  /// F(θ, p) on the rows that `sample` draws.
  double upper(const Theta& theta, const Adapter& p, BatchKey sample) {
    return value(theta, p, 1.0, 0.0, {sample, {}});
  }
  /// G(θ, p).
  double lower(const Theta& theta, const Adapter& p, BatchKey sample) {
    return value(theta, p, 0.0, 1.0, {{}, sample});
  }
  /// F and its gradient in p.
  double upper_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) {
    return one_gradient(theta, {this, &p, 1.0, 0.0, {sample, {}}, &gradient});
  }
  /// G and its gradient in p.
  double lower_gradient(const Theta& theta, const Adapter& p, BatchKey sample, Adapter& gradient) {
    return one_gradient(theta, {this, &p, 0.0, 1.0, {{}, sample}, &gradient});
  }
  /// F + λG and its gradient in p.
  double penalty_gradient(const Theta& theta, const Adapter& p, double lambda, BatchKey upper, BatchKey lower,
                          Adapter& gradient) {
    return one_gradient(theta, {this, &p, 1.0, lambda, {upper, lower}, &gradient});
  }

  /// F(·,p), G(·,p), G(·,s) of every task at every probe: the whole mix in one packed pass a group of probes.
  template <class Law>
  static std::vector<std::vector<PenaltyTerms>> joint_terms(
      const Theta& theta, const Law& law, std::span<const Probe> probes, double penalty,
      std::span<const JointPoint<BasicMetaTask>> points) {
    std::vector<RowsPart> parts;
    std::vector<const Adapter*> adapters;
    std::vector<std::size_t> ends;  // of each task's shares of F(p), G(p), G(s) in `parts`
    for (const JointPoint<BasicMetaTask>& point : points) {
      const int p = point.task->index_of(adapters, point.p);
      point.task->add(parts, p, 1.0, point.samples.upper, Level::upper_of_theta);
      ends.push_back(parts.size());
      if (penalty != 0.0) point.task->add(parts, p, 1.0, point.samples.lower, Level::lower);
      ends.push_back(parts.size());
      if (penalty != 0.0)
        point.task->add(parts, point.task->index_of(adapters, point.s), 1.0, point.samples.lower,
                        Level::lower);
      ends.push_back(parts.size());
    }
    points.front().task->count(parts, static_cast<double>(probes.size()));
    const auto losses_under = [&](const auto& own) {
      return part_losses(*points.front().task->transformer_, theta, own, probes, parts,
                         std::span<const Adapter* const>(adapters));
    };
    // A law chosen at run time is there as θ's place can make it.
    std::vector<std::vector<double>> losses;
    if constexpr (requires { law.on(theta, losses_under); })
      losses = law.on(theta, losses_under);
    else
      losses = losses_under(law);
    std::vector<std::vector<PenaltyTerms>> terms(points.size(), std::vector<PenaltyTerms>(probes.size()));
    for (std::size_t probe = 0; probe < probes.size(); ++probe) {
      std::size_t from = 0;
      const auto next = [&](std::size_t end) {
        double sum = 0.0;
        for (; from < end; ++from) sum += parts[from].weight * losses[probe][from];
        return sum;
      };
      for (std::size_t i = 0; i < points.size(); ++i) {
        PenaltyTerms& term = terms[i][probe];
        term.upper = next(ends[3 * i]);
        if (penalty == 0.0) {
          term.lower_p = term.lower_s = kNotEvaluated;
          continue;
        }
        term.lower_p = next(ends[3 * i + 1]);
        term.lower_s = next(ends[3 * i + 2]);
      }
    }
    return terms;
  }

  /// Values and gradients of several adapters, as many in a pass as fill the backend's processor.
  static void joint_gradients(const Theta& theta, std::span<JointGradient<BasicMetaTask>> wanted) {
    if (wanted.empty()) return;
    const BasicMetaTask& first = *wanted.front().task;
    packed_gradients(
        *first.transformer_, theta, wanted,
        [](const JointGradient<BasicMetaTask>& one) {
          constexpr int numbered_later = -1;
          std::vector<RowsPart> parts;
          if (one.upper_weight != 0.0)
            one.task->add(parts, numbered_later, one.upper_weight, one.samples.upper, Level::upper);
          if (one.lower_weight != 0.0)
            one.task->add(parts, numbered_later, one.lower_weight, one.samples.lower, Level::lower);
          return parts;
        },
        [&](std::span<const RowsPart> parts) { first.count(parts, 2.0); });
  }

 private:
  enum class Level { upper, upper_of_theta, lower };

  double one_gradient(const Theta& theta, JointGradient<BasicMetaTask> wanted) {
    joint_gradients(theta, std::span(&wanted, 1));
    return wanted.value;
  }
  double value(const Theta& theta, const Adapter& p, double upper, double lower, BatchPair samples) {
    std::vector<const Adapter*> adapters;
    std::vector<RowsPart> parts;
    const int adapter = index_of(adapters, &p);
    if (upper != 0.0) add(parts, adapter, upper, samples.upper, Level::upper);
    if (lower != 0.0) add(parts, adapter, lower, samples.lower, Level::lower);
    count(parts, 1.0);
    const std::vector<double> losses = losses_of_parts(
        transformer_->log_probabilities(theta, pack_parts(parts), std::span<const Adapter* const>(adapters)),
        parts);
    double sum = 0.0;
    for (std::size_t i = 0; i < parts.size(); ++i) sum += parts[i].weight * losses[i];
    return sum;
  }

  /// The adapter's place in the call, −1 where none is used.
  int index_of(std::vector<const Adapter*>& adapters, const Adapter* adapter) const {
    if (!setup_.use_adapter) return -1;
    adapters.push_back(adapter);
    return static_cast<int>(adapters.size() - 1);
  }
  static const std::vector<EncodedRow>& rows_of(const TaskRows& task, Level level) {
    if (level == Level::lower) return task.lower;
    return level == Level::upper || task.unseen.empty() ? task.upper : task.unseen;
  }
  /// Appends a part for every task that the sample draws and that has rows at this level.
  void add(std::vector<RowsPart>& parts, int adapter, double weight, BatchKey sample, Level level) const {
    std::vector<std::size_t> drawn;
    sample_tasks(sample.seed, sample.step, setup_.tasks.size(), setup_.each, setup_.weights, drawn);
    for (const std::size_t task : drawn) {
      const std::vector<EncodedRow>& rows = rows_of(setup_.tasks[task], level);
      if (rows.empty()) continue;
      // As MetaSolver keeps the samples of two tasks apart.
      const BatchKey own{sample.seed + (static_cast<std::uint64_t>(task) << 32U), sample.step, sample.stream};
      RowsPart& part = parts.emplace_back();
      part.adapter = adapter;
      part.weight = weight / static_cast<double>(drawn.size());
      for (const std::size_t row : sample_batch(own, rows.size(), std::min(setup_.batch, rows.size())))
        part.rows.push_back(&rows[row]);
    }
  }
  void count(std::span<const RowsPart> parts, double times) const {
    for (const RowsPart& part : parts)
      work_->passes += times * static_cast<double>(part.rows.size()) / static_cast<double>(setup_.batch);
    work_->tokens += static_cast<std::uint64_t>(times) * packed_tokens(parts);
  }

  Transformer* transformer_;
  Work* work_;  // a tally of all tasks, no part of the value
  Setup setup_;
};

}  // namespace zofo::llm
