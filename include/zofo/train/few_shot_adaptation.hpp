/// @file Adaptation to new tasks from a few examples: the adapters of many random subsets are trained
/// together.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/model/initial_adapter.hpp"
#include "zofo/train/adapt_options.hpp"
#include "zofo/train/language_problem.hpp"

namespace zofo::llm {

/// Fits adapters to random subsets of a task's examples and scores them on its validation examples, over one
/// fixed backbone. Borrows all arguments of the constructor.
template <class Device>
class Adaptation {
 public:
  using Backend = typename Device::Backend;              ///< of the device
  using Vector = typename Backend::Vector;               ///< an adapter
  using Transformer = model::BasicTransformer<Backend>;  ///< on the device

  /// `max_eval_samples`: the first of the validation examples; 0: all. Throws Error naming file and line of
  /// an example that does not fit the model.
  Adaptation(Device& device, const Model& model, Transformer& transformer,
             const typename Backend::Theta& theta, const data::TaskData& data, std::size_t max_eval_samples)
      : device_(device),
        model_(model),
        transformer_(transformer),
        theta_(theta),
        data_(data),
        training_(encode_examples(ExampleEncoder(model, data.task, Purpose::training), data.train, 0,
                                  data.task.name + "/" + data.train_file)),
        validation_(encode_examples(ExampleEncoder(model, data.task, Purpose::scoring), data.validation,
                                    max_eval_samples, data.task.name + "/" + data.held_out)) {}

  /// Adapters that start at `start`, or each at the initial values of its own seed if `start` is empty.
  /// Subset d has the seed options.seed + d.
  std::vector<FewShotResult> fit(const peft::Adapter& layout, const Eigen::VectorXf& start, Count count,
                                 const AdaptOptions& options) {
    options.check();
    std::vector<FewShotResult> results = make_results(options);
    std::vector<TaskExamples> examples(results.size());
    std::vector<AdapterPair<Vector>> pairs;
    for (std::size_t d = 0; d < results.size(); ++d) {
      for (const std::size_t i : sample_examples(data_, count, results[d].seed))
        examples[d].lower.push_back(training_[i]);
      set_class_weights(data_.task, examples[d].lower);
      results[d].examples = examples[d].lower.size();
      const Vector adapter = device_.vector(
          start.size() > 0 ? start : model::initial_adapter(transformer_, theta_, layout, results[d].seed));
      pairs.push_back({adapter, adapter});
    }
    train(examples, pairs, options, results);
    for (std::size_t d = 0; d < results.size(); ++d) {
      results[d].scores = evaluate(transformer_, theta_, &pairs[d].lower, validation_);
      results[d].adapter = device_.host(pairs[d].lower);
    }
    return results;
  }

  /// In-context learning: a subset's examples before every prompt, as many of them as fit; nothing is
  /// trained.
  std::vector<FewShotResult> in_context(Count count, const AdaptOptions& options) {
    std::vector<FewShotResult> results = make_results(options);
    for (FewShotResult& result : results) {
      std::vector<std::string> shown;
      for (const std::size_t i : sample_examples(data_, count, result.seed))
        shown.push_back(data::demonstration_text(data_.task, data_.train[i]));
      result.examples = shown.size();
      const std::vector<EncodedExample> encoded =
          encode_examples(ExampleEncoder(model_, data_.task, Purpose::scoring, shown), data_.validation,
                          validation_.size(), data_.task.name + "/" + data_.held_out);
      result.scores = evaluate<Backend>(transformer_, theta_, nullptr, encoded);
    }
    return results;
  }

 private:
  using Language = BasicLanguageProblem<Backend>;
  // The language problem, which also records each task's latest value of G.
  struct Observed {
    using Theta = typename Language::Theta;
    using Adapter = Vector;
    Language problem;
    std::vector<double> values;

    [[nodiscard]] std::size_t num_tasks() const { return problem.num_tasks(); }
    template <class D>
    void losses(const Theta& theta, const D& perturbation, std::span<const Probe> probes,
                std::span<const LossRequest<Adapter>> requests, std::span<double> out) {
      problem.losses(theta, perturbation, probes, requests, out);
    }
    void gradients(const Theta& theta, std::span<GradientRequest<Adapter>> requests) {
      problem.gradients(theta, requests);
      for (const GradientRequest<Adapter>& request : requests) values[request.task()] = request.value;
    }
  };

  static std::vector<FewShotResult> make_results(const AdaptOptions& options) {
    std::vector<FewShotResult> results(options.num_seeds);
    for (std::size_t d = 0; d < results.size(); ++d) results[d].seed = options.seed + d;
    return results;
  }
  // Adaptation is the inner updates of training with one task for each subset and a constant backbone.
  void train(const std::vector<TaskExamples>& examples, std::vector<AdapterPair<Vector>>& pairs,
             const AdaptOptions& options, std::vector<FewShotResult>& results) {
    std::vector<typename Language::Task> tasks;
    for (std::size_t d = 0; d < results.size(); ++d)
      tasks.push_back({.sets = {&examples[d]}, .seed = results[d].seed});
    Observed problem{Language(transformer_, std::move(tasks), {options.batch_size}),
                     std::vector<double>(results.size())};
    BilevelOptions loop;
    loop.outer_steps = 1;
    loop.inner_steps = options.max_steps;
    loop.seed = options.seed;
    loop = loop.adapter_only();
    const inner::Adam adam{.rate = Schedule::linear(options.learning_rate, 0.0, options.max_steps),
                           .weight_decay = options.weight_decay};
    InnerRound<Observed, inner::Adam> round(adam, adam);
    round.check();
    std::vector<std::size_t> all(results.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    std::vector<TaskState<inner::Adam, Vector>> states(results.size());
    StepReport report;
    round.run(problem, theta_, std::span(pairs), all, states, loop, report);
    for (std::size_t d = 0; d < results.size(); ++d) results[d].training_loss = problem.values[d];
  }

  Device& device_;
  const Model& model_;
  Transformer& transformer_;
  const typename Backend::Theta& theta_;
  const data::TaskData& data_;
  std::vector<EncodedExample> training_, validation_;
};

}  // namespace zofo::llm
