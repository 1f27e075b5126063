/// @file Language-model training as a bilevel problem: one task, several, or mixtures of tasks.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "zofo/bilevel/task_sampling.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/core/batcher.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/probe.hpp"
#include "zofo/core/problem.hpp"
#include "zofo/core/requests.hpp"
#include "zofo/core/vector_space.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/model/probed.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/perturb/chosen_at_run_time.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/train/task_examples.hpp"

namespace zofo::llm {

/// How mini-batches are sampled and computed.
struct BatchOptions {
  std::size_t batch_size = 8;  ///< examples of a mini-batch of one task
  std::uint32_t pieces = 1;    ///< passes of a mini-batch, each of `batch_size` examples; values and
                               ///< gradients are their means (gradient accumulation)
  bool use_adapter = true;     ///< false: the backbone without adapters
};

/// F = mean loss over a mini-batch of D_f, G = the same over D_g, both of θ (the backbone) and a task's
/// adapter. A task is one set of examples, or a mixture of several that share its adapters: then the loss is
/// the mean over the sets that the mini-batch samples. A level without examples is 0.
///
/// All requests of a call share one packed pass (losses) or as few as max_batch_tokens allows (gradients). An
/// adapter is identified by its address. Borrows the transformer and the examples.
template <class Backend>
class BasicLanguageProblem {
 public:
  using Theta = typename Backend::Theta;                 ///< the backbone
  using Adapter = typename Backend::Vector;              ///< an adapter
  using Transformer = model::BasicTransformer<Backend>;  ///< the model

  /// One task.
  struct Task {
    std::vector<const TaskExamples*> sets;  ///< one, or those of a mixture
    std::uint32_t sets_per_batch = 0;       ///< sampled without repetition; 0: all
    std::vector<double> weights{};          ///< of the sets in the sampling; empty: equal
    /// Seed of its mini-batches; unset: the seed of the batch keys, with the task's number.
    std::optional<std::uint64_t> seed{};
  };

  /// Throws Error naming what is out of range: no task, no set, a set without examples, an example without
  /// answer choices, weights, or a zero in the options.
  BasicLanguageProblem(Transformer& transformer, std::vector<Task> tasks, BatchOptions options)
      : transformer_(&transformer), tasks_(std::move(tasks)), options_(options) {
    require(options_.batch_size >= 1, "batch_size = {}: must be at least 1", options_.batch_size);
    require(options_.pieces >= 1, "gradient_accumulation_steps = 0: must be at least 1");
    require(!tasks_.empty(), "tasks: 0: must be at least 1");
    std::uint32_t sets = 0;
    for (const Task& task : tasks_) {
      require(!task.sets.empty(), "tasks: 0: must be at least 1");
      check_task_weights(task.weights, task.sets.size());
      for (const TaskExamples* examples : task.sets) examples->check();
      first_set_.push_back(sets);
      sets += static_cast<std::uint32_t>(task.sets.size());
    }
  }

  /// Number of tasks.
  [[nodiscard]] std::size_t num_tasks() const { return tasks_.size(); }

  /// out[i · requests + j]: the loss of request j at probe i. If a task has unseen examples
  /// (TaskExamples::unseen), F is their loss.
  template <class D>
  void losses(const Theta& theta, const D& perturbation, std::span<const Probe> probes,
              std::span<const LossRequest<Adapter>> requests, std::span<double> out) {
    std::ranges::fill(out, 0.0);
    for (std::uint32_t piece = 0; piece < options_.pieces; ++piece) {
      list_parts(requests, piece);
      if (parts_.empty()) continue;
      count(parts_, probes.size());
      add_losses(losses_of_pass(theta, perturbation, probes), requests.size(), out);
    }
  }

  /// Writes each request's gradient and value.
  void gradients(const Theta& theta, std::span<GradientRequest<Adapter>> requests) {
    if (options_.pieces == 1) return gradients_of_pieces(theta, requests);
    const double share = 1.0 / options_.pieces;
    while (piece_gradients_.size() < requests.size())
      piece_gradients_.push_back(zeros_like(*requests.front().adapter));
    std::vector<GradientRequest<Adapter>> pieces(requests.begin(), requests.end());
    for (std::uint32_t i = 0; i < options_.pieces; ++i) {
      for (std::size_t k = 0; k < requests.size(); ++k) {
        pieces[k].batches = {piece_of(requests[k].batches.upper, i), piece_of(requests[k].batches.lower, i)};
        pieces[k].gradient = i == 0 ? requests[k].gradient : &piece_gradients_[k];
      }
      gradients_of_pieces(theta, pieces);
      for (std::size_t k = 0; k < requests.size(); ++k) {
        requests[k].value = (i == 0 ? 0.0 : requests[k].value) + pieces[k].value / options_.pieces;
        if (i == 0)
          scale(share, *requests[k].gradient);
        else
          axpy(share, *pieces[k].gradient, *requests[k].gradient);
      }
    }
  }

  /// The work of all calls so far.
  [[nodiscard]] const Work& work() const { return work_; }
  /// As given to the constructor.
  [[nodiscard]] const BatchOptions& options() const { return options_; }

 private:
  using Examples = std::vector<const EncodedExample*>;
  enum class Part : std::uint8_t { upper, unseen, lower };
  // Sampled examples, kept within a call: p and s use the same ones.
  struct Sampled {
    const std::vector<EncodedExample>* from;
    BatchKey key;
    Examples examples;
  };

  // Batch k of a task consists of the batches pieces·k, …, pieces·k + pieces − 1 of `batch_size` examples
  // each, which are the examples of one batch of pieces·batch_size. Batch numbers have 32 bits; larger ones
  // would repeat batches.
  [[nodiscard]] BatchKey piece_of(BatchKey key, std::uint32_t i) const {
    if (options_.pieces == 1) return key;
    const std::uint64_t step = std::uint64_t{key.step} * options_.pieces + i;
    require(step <= std::numeric_limits<std::uint32_t>::max(), "batch {} of {} pieces each: too many batches",
            key.step, options_.pieces);
    key.step = static_cast<std::uint32_t>(step);
    return key;
  }
  static const std::vector<EncodedExample>& examples_of(const TaskExamples& set, Part part) {
    if (part == Part::lower) return set.lower;
    return part == Part::upper || set.unseen.empty() ? set.upper : set.unseen;
  }
  const Examples& sample(const std::vector<EncodedExample>& from, const BatchKey& key) {
    for (auto seen = sampled_.rbegin(); seen != sampled_.rend(); ++seen)
      if (seen->from == &from && seen->key == key) return seen->examples;
    Sampled& made = sampled_.emplace_back(Sampled{&from, key, {}});
    for (const std::size_t i : sample_batch(key, from.size(), std::min(options_.batch_size, from.size())))
      made.examples.push_back(&from[i]);
    return made.examples;
  }
  // Appends a part for every sampled set that has examples for `part`.
  void add_parts(std::vector<ExamplesPart>& parts, int adapter, double weight, const BatchKey& key,
                 Part part) {
    const Task& task = tasks_[key.task];
    std::vector<std::size_t> sets;
    sample_tasks(task.seed.value_or(task_seed(key)), key.step, task.sets.size(), task.sets_per_batch,
                 task.weights, sets);
    for (const std::size_t set : sets) {
      const std::vector<EncodedExample>& from = examples_of(*task.sets[set], part);
      if (from.empty()) continue;
      BatchKey own = key;
      own.task = static_cast<std::uint32_t>(set);
      if (task.seed)
        own.seed = *task.seed;
      else
        own.task += first_set_[key.task];
      parts.push_back({sample(from, own), adapter, weight / static_cast<double>(sets.size())});
    }
  }

  void list_parts(std::span<const LossRequest<Adapter>> requests, std::uint32_t piece) {
    parts_.clear(), ends_.clear(), adapters_.clear(), sampled_.clear();
    for (const LossRequest<Adapter>& request : requests) {
      const Part part = request.level == Level::upper ? Part::unseen : Part::lower;
      add_parts(parts_, index_of(request.adapter), 1.0, piece_of(request.batch, piece), part);
      ends_.push_back(parts_.size());
    }
  }
  // The adapter's index in the call, −1 where none is used.
  int index_of(const Adapter* adapter) {
    if (!options_.use_adapter) return -1;
    const auto found = std::ranges::find(adapters_, adapter);
    const auto index = found - adapters_.begin();
    if (found == adapters_.end()) adapters_.push_back(adapter);
    return static_cast<int>(index);
  }
  // [probe][part]
  template <class D>
  std::vector<std::vector<double>> losses_of_pass(const Theta& theta, const D& perturbation,
                                                  std::span<const Probe> probes) {
    const auto pass = [&](const auto& z) {
      return part_losses(*transformer_, theta, z, probes, std::span<const ExamplesPart>(parts_),
                         std::span<const Adapter* const>(adapters_));
    };
    if constexpr (std::same_as<D, NoPerturbation>)
      return pass(model::NoPerturbation{});
    else
      return resolve_perturbation(perturbation, theta, pass);
  }
  void add_losses(const std::vector<std::vector<double>>& losses, std::size_t requests,
                  std::span<double> out) const {
    for (std::size_t probe = 0; probe < losses.size(); ++probe) {
      std::size_t from = 0;
      for (std::size_t j = 0; j < requests; ++j) {
        double sum = 0.0;
        for (; from < ends_[j]; ++from) sum += parts_[from].weight * losses[probe][from];
        out[probe * requests + j] += sum / options_.pieces;
      }
    }
  }

  void gradients_of_pieces(const Theta& theta, std::span<GradientRequest<Adapter>> requests) {
    constexpr int numbered_later = -1;
    sampled_.clear();
    packed_gradients(
        *transformer_, theta, requests,
        [&](const GradientRequest<Adapter>& request) {
          std::vector<ExamplesPart> parts;
          if (request.upper_weight != 0.0)
            add_parts(parts, numbered_later, request.upper_weight, request.batches.upper, Part::upper);
          if (request.lower_weight != 0.0)
            add_parts(parts, numbered_later, request.lower_weight, request.batches.lower, Part::lower);
          return parts;
        },
        [&](std::span<const ExamplesPart> parts) { count(parts, 2); });
  }
  void count(std::span<const ExamplesPart> parts, std::size_t times) {
    for (const ExamplesPart& part : parts) work_.examples += times * part.examples.size();
    work_.tokens += times * packed_tokens(parts);
  }

  Transformer* transformer_;
  std::vector<Task> tasks_;
  BatchOptions options_;
  std::vector<std::uint32_t> first_set_;  ///< number of a task's first set among all sets
  Work work_;
  // Buffers of a call.
  std::vector<ExamplesPart> parts_;
  std::vector<std::size_t> ends_;  ///< one past each request's last entry of `parts_`
  std::vector<const Adapter*> adapters_;
  std::vector<Sampled> sampled_;
  std::vector<Adapter> piece_gradients_;
};

/// The problem on the CPU.
using LanguageProblem = BasicLanguageProblem<model::CpuBackend>;

}  // namespace zofo::llm
