/// @file New tasks from a handful of examples: many draws of them, their adapters trained side by side.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/bilevel/options.hpp"
#include "zofo/config/field_checks.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/batcher.hpp"
#include "zofo/core/report.hpp"
#include "zofo/core/rng_streams.hpp"
#include "zofo/core/schedule.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/data/shots.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/lm/evaluate.hpp"
#include "zofo/model/initial_adapter.hpp"
#include "zofo/train/language_problem.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// How an adapter is fitted to a few examples. The rate falls from `rate` to 0 in a straight line.
struct AdaptOptions {
  std::uint32_t max_steps = 40;
  double learning_rate = 1e-3;
  double weight_decay = 0.0;
  std::uint32_t batch_size = 8;
  std::uint32_t num_seeds = 1;
  std::uint64_t seed = 0;

  /// Throws Error naming the field out of range.
  void check() const {
    require_count("max_steps", max_steps, 1, 1'000'000);
    require_in("learning_rate", learning_rate, 0.0, 10.0);
    require_in("weight_decay", weight_decay, 0.0, 1e6);
    require_count("batch_size", batch_size, 1, 65536);
    require_count("num_seeds", num_seeds, 1, 4096);
    require_count("seed", seed, 0, 0xFFFFFFFF);
  }
};

/// How many examples: of each class, or in all.
struct Count {
  std::size_t number = 0;
  bool each = true;  ///< of each class
};

/// Which training rows a draw takes: a pure function of the seed. Throws Error where there are fewer, naming
/// the class, and for none.
inline std::vector<std::size_t> sample_examples(const data::TaskData& data, Count count, std::uint64_t seed) {
  constexpr std::uint32_t examples_stream = stream_number(BatchStream::examples);
  std::vector<std::size_t> chosen;
  if (count.each && data.task.kind == data::Kind::choice) {
    std::vector<int> labels;
    for (const data::Example& each : data.train) labels.push_back(each.label);
    return data::sample_shots(labels, data.task.choices, count.number, seed);
  }
  require(count.number >= 1 && count.number <= data.train.size(),
          "task {}: {} = {}: must be in [1, {}], the number of training rows", data.task.name,
          count.each ? "shots" : "examples", count.number, data.train.size());
  chosen = shuffled(seed, examples_stream, 0, data.train.size());
  chosen.resize(count.number);
  return chosen;
}

/// What came of one random subset of a task's examples.
struct FewShotResult {
  std::uint64_t seed = 0;
  std::size_t examples = 0;
  double training_loss = 0.0;  ///< before the last step
  Scores scores;               ///< on the held-out examples
  Eigen::VectorXf adapter;     ///< empty for in-context learning
};

/// Fits adapters to draws of a task's examples and scores them on its held-out rows, over one fixed backbone.
/// Borrowed: all arguments must outlive it.
template <class Device>
class Adaptation {
 public:
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;
  using Transformer = model::BasicTransformer<Backend>;

  Adaptation(Device& device, const Model& model, Transformer& transformer,
             const typename Backend::Theta& theta, const data::TaskData& data, std::size_t held_out_examples)
      : device_(device),
        model_(model),
        transformer_(transformer),
        theta_(theta),
        data_(data),
        training_(encode_examples(ExampleEncoder(model, data.task, Purpose::training), data.train, 0,
                                  data.task.name + "/train.jsonl")),
        held_out_(encode_examples(ExampleEncoder(model, data.task, Purpose::scoring), data.validation,
                                  held_out_examples, data.task.name + "/validation.jsonl")) {}

  /// Adapters from `start`, or from a start of their own seed where it is empty; draw d has the seed
  /// options.seed + d.
  std::vector<FewShotResult> fit(const peft::Adapter& layout, const Eigen::VectorXf& start, Count count,
                        const AdaptOptions& options) {
    options.check();
    std::vector<FewShotResult> draws = make_results(options);
    std::vector<TaskExamples> examples(draws.size());
    std::vector<AdapterPair<Vector>> pairs;
    for (std::size_t d = 0; d < draws.size(); ++d) {
      for (const std::size_t i : sample_examples(data_, count, draws[d].seed))
        examples[d].lower.push_back(training_[i]);
      draws[d].examples = examples[d].lower.size();
      const Vector adapter = device_.vector(
          start.size() > 0 ? start : model::initial_adapter(transformer_, theta_, layout, draws[d].seed));
      pairs.push_back({adapter, adapter});
    }
    train(examples, pairs, options, draws);
    for (std::size_t d = 0; d < draws.size(); ++d) {
      draws[d].scores = evaluate(transformer_, theta_, &pairs[d].lower, held_out_);
      draws[d].adapter = device_.host(pairs[d].lower);
    }
    return draws;
  }

  /// In-context learning: a draw's examples before every prompt, as many of them as fit; nothing is trained.
  std::vector<FewShotResult> in_context(Count count, const AdaptOptions& options) {
    std::vector<FewShotResult> draws = make_results(options);
    for (FewShotResult& draw : draws) {
      std::vector<std::string> shown;
      for (const std::size_t i : sample_examples(data_, count, draw.seed))
        shown.push_back(data::demonstration_text(data_.task, data_.train[i]));
      draw.examples = shown.size();
      const std::vector<EncodedExample> rows =
          encode_examples(ExampleEncoder(model_, data_.task, Purpose::scoring, shown), data_.validation,
                          held_out_.size(), data_.task.name + "/validation.jsonl");
      draw.scores = evaluate<Backend>(transformer_, theta_, nullptr, rows);
    }
    return draws;
  }

 private:
  using Language = BasicLanguageProblem<Backend>;
  // The same problem; it remembers each task's latest value of G.
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
    std::vector<FewShotResult> draws(options.num_seeds);
    for (std::size_t d = 0; d < draws.size(); ++d) draws[d].seed = options.seed + d;
    return draws;
  }
  // Adaptation is the inner updates of training, each draw a task, on a backbone that keeps its value.
  void train(const std::vector<TaskExamples>& examples, std::vector<AdapterPair<Vector>>& pairs,
             const AdaptOptions& options, std::vector<FewShotResult>& draws) {
    std::vector<typename Language::Task> tasks;
    for (std::size_t d = 0; d < draws.size(); ++d)
      tasks.push_back({.sets = {&examples[d]}, .seed = draws[d].seed});
    Observed problem{Language(transformer_, std::move(tasks), {options.batch_size}),
                     std::vector<double>(draws.size())};
    BilevelOptions loop;
    loop.outer_steps = 1;
    loop.inner_steps = options.max_steps;
    loop.seed = options.seed;
    loop = loop.adapter_only();
    const inner::Adam adam{.rate = Schedule::linear(options.learning_rate, 0.0, options.max_steps),
                           .weight_decay = options.weight_decay};
    InnerRound<Observed, inner::Adam> round(adam, adam);
    round.check();
    std::vector<std::size_t> all(draws.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    std::vector<TaskState<inner::Adam, Vector>> states(draws.size());
    StepReport report;
    round.run(problem, theta_, std::span(pairs), all, states, loop, report);
    for (std::size_t d = 0; d < draws.size(); ++d) draws[d].training_loss = problem.values[d];
  }

  Device& device_;
  const Model& model_;
  Transformer& transformer_;
  const typename Backend::Theta& theta_;
  const data::TaskData& data_;
  std::vector<EncodedExample> training_, held_out_;
};

}  // namespace zofo::llm
