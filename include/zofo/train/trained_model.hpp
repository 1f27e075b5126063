/// @file The model of a run: its backbone, its adapters, their scores, and the candidates for selection.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "zofo/config/make_adapter.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/lm/evaluate_task.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/train/run_bounds.hpp"
#include "zofo/train/run_task.hpp"
#include "zofo/train/start_adapter.hpp"
#include "zofo/train/task_adapters.hpp"

namespace zofo::llm {

/// θ on the device, the tasks' adapters, and on the host the adapter that zeroth-order updates train, if any.
/// Borrows the device, the options and the tasks.
template <class Device>
class TrainedModel {
 public:
  using Backend = typename Device::Backend;  ///< of the device
  using Theta = typename Backend::Theta;     ///< the backbone
  using Vector = typename Backend::Vector;   ///< an adapter

  /// Reserves the memory of the whole run first. Throws Error where the device has too little. `folder`: of
  /// adapters that are not in memory.
  TrainedModel(Device& device, model::Parameters& theta, const RunOptions& options,
               const std::vector<RunTask>& tasks, std::filesystem::path folder)
      : device_(device),
        options_(options),
        tasks_(tasks),
        layout_(make_adapter(theta.config(), options)),
        theta_(place(theta)),
        transformer_(device.backend(), theta.config(), layout_, options.gradient_checkpointing),
        estimated_(first_adapter(transformer_, theta_, layout_, options, folder.parent_path())),
        adapters_(device, options,
                  {std::move(folder), options.max_resident_adapters, options.tied() ? 1 : tasks.size(),
                   estimated_}) {}

  /// The layout of all adapters.
  [[nodiscard]] const peft::Adapter& layout() const { return layout_; }
  /// The backbone on the device.
  [[nodiscard]] Theta& theta() { return theta_; }
  /// The backbone on the device.
  [[nodiscard]] const Theta& theta() const { return theta_; }
  /// The transformer on the device.
  [[nodiscard]] model::BasicTransformer<Backend>& transformer() { return transformer_; }
  /// The pairs of adapters of all tasks.
  [[nodiscard]] TaskAdapters<Device>& adapters() { return adapters_; }
  /// The adapter that zeroth-order updates train, if the method has one.
  [[nodiscard]] Eigen::VectorXf& estimated_adapter() { return estimated_; }

  /// Scores of the first `limit` held-out examples of every task (0: all) under only θ.
  std::vector<Scores> score_backbone(std::size_t limit) {
    std::vector<Scores> scores;
    for (const RunTask& task : tasks_) scores.push_back(score(task, nullptr, first(task.held_out, limit)));
    return scores;
  }
  /// The same under the current adapters: p where both levels are trained.
  std::vector<Scores> score_current(std::size_t limit) {
    const Selected present = options_.trains() == Trains::both_levels ? Selected::upper : trained();
    std::vector<Scores> scores;
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      scores.push_back(score_under(i, present, first(tasks_[i].held_out, limit)));
    return scores;
  }
  /// Scores of the selected candidate on all held-out examples, including generated answers where a task has
  /// them. `model` provides the tokenizer.
  std::vector<Scores> final_scores(const Model& model, const Candidate& candidate) {
    std::vector<Scores> scores;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      std::optional<Vector> adapter;
      if (!candidate.adapters.empty())
        adapter.emplace(device_.vector(candidate.adapters[candidate.adapters.size() == 1 ? 0 : i]));
      scores.push_back(evaluate_task(model, transformer_, theta_, adapter ? &*adapter : nullptr,
                                     std::span(tasks_[i].held_out), tasks_[i].task()));
    }
    return scores;
  }

  /// Number of validation examples of all tasks.
  [[nodiscard]] std::size_t validation_examples() const {
    std::size_t sum = 0;
    for (const RunTask& task : tasks_) sum += task.selection.size();
    return sum;
  }
  /// Number of examples that one validation reads: both p and s are scored where both levels are trained.
  [[nodiscard]] std::size_t examples_of_validation() const {
    return validation_examples() * (options_.trains() == Trains::both_levels ? 2 : 1);
  }
  /// The candidate after `steps` steps. With both levels it is (θ, p) or (θ, s), the one with the lower mean
  /// loss on the validation examples; (θ, p) where there are none. `with_loss`: compute that loss even where
  /// there is nothing to choose.
  Candidate candidate(std::uint32_t steps, bool with_loss) {
    Candidate c;
    c.steps = steps;
    c.selected = trained();
    if (options_.trains() == Trains::both_levels) {
      c.selected = Selected::upper;
      if (validation_examples() > 0) choose(c);
    } else if (with_loss) {
      set_means(c, mean_of_selection(c.selected));
    }
    if (c.selected == Selected::backbone) return c;
    const std::size_t count = options_.tied() ? 1 : tasks_.size();
    for (std::size_t i = 0; i < count; ++i) c.adapters.push_back(host_adapter(i, c.selected));
    return c;
  }

 private:
  struct Means {
    double loss = 0.0, accuracy = 0.0;
  };

  static std::span<const EncodedExample> first(const std::vector<EncodedExample>& examples,
                                               std::size_t limit) {
    return std::span(examples).first(limit == 0 ? examples.size() : std::min(examples.size(), limit));
  }
  // The result of a method of one level.
  [[nodiscard]] Selected trained() const {
    const Trains trains = options_.trains();
    return trains == Trains::backbone || trains == Trains::nothing ? Selected::backbone : Selected::lower;
  }
  [[nodiscard]] Eigen::VectorXf host_adapter(std::size_t task, Selected selected) const {
    if (options_.trains() == Trains::adapter_by_estimates) return estimated_;
    return adapters_.adapter(task, selected == Selected::upper ? Level::upper : Level::lower);
  }
  Scores score(const RunTask& task, const Vector* adapter, std::span<const EncodedExample> examples) {
    return evaluate(transformer_, theta_, adapter, examples, task.task().answer_rule);
  }
  Scores score_under(std::size_t task, Selected selected, std::span<const EncodedExample> examples) {
    if (selected == Selected::backbone) return score(tasks_[task], nullptr, examples);
    const Vector adapter = device_.vector(host_adapter(task, selected));
    return score(tasks_[task], &adapter, examples);
  }
  // Each task has the same weight.
  Means mean_of_selection(Selected selected) {
    Means sum;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const Scores scores = score_under(i, selected, tasks_[i].selection);
      sum.loss += scores.loss;
      sum.accuracy += scores.accuracy;
    }
    const auto count = static_cast<double>(tasks_.size());
    return {sum.loss / count, sum.accuracy / count};
  }
  static void set_means(Candidate& candidate, const Means& means) {
    candidate.loss = means.loss;
    candidate.accuracy = means.accuracy;
  }
  void choose(Candidate& c) {
    const Means by_p = mean_of_selection(Selected::upper), by_s = mean_of_selection(Selected::lower);
    const bool upper = by_p.loss <= by_s.loss;
    c.selected = upper ? Selected::upper : Selected::lower;
    c.upper_loss = by_p.loss;
    c.lower_loss = by_s.loss;
    set_means(c, upper ? by_p : by_s);
  }
  Theta& place(model::Parameters& theta) {
    const RunBounds bounds = run_bounds<Backend>(theta.config(), options_, tasks_, layout_);
    device_.reserve(theta.config(), layout_, bounds.example, bounds.passes, options_.gradient_checkpointing);
    return device_.place(theta);
  }

  Device& device_;
  const RunOptions& options_;
  const std::vector<RunTask>& tasks_;
  peft::Adapter layout_;
  Theta& theta_;
  model::BasicTransformer<Backend> transformer_;
  Eigen::VectorXf estimated_;
  TaskAdapters<Device> adapters_;
};

}  // namespace zofo::llm
