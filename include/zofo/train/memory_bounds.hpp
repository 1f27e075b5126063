/// @file How large the passes of a run can get: what a device must have memory for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/lm/encoded_example.hpp"
#include "zofo/lm/sequence_bounds.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// Rows of the passes of a run, in units of the longest row.
struct PassExamples {
  std::size_t probed = 0;      ///< of an outer step's pass; 0 where the backbone is not updated
  std::size_t gradient = 0;    ///< of an adapter step's pass; 0 where no adapter is trained
  std::size_t probes = 2;      ///< that share an outer step's pass: the pair ±ε of a dense direction
  std::uint32_t low_rank = 0;  ///< rank of the directions, all of whose probes share a pass; 0: dense ones
  std::size_t vectors = 0;     ///< of an adapter's size, where adapters are trained by gradients
  SequenceBounds texts = {};       ///< of what is generated between or after the passes
};

/// Largest sizes of a packed batch of one row.
struct ExampleBounds {
  std::size_t tokens = 0, sequences = 0, longest = 0, targets = 0;

  /// The same with an adapter of `taken` positions before each sequence; `read`: they are rows of the pass
  /// (prompts).
  [[nodiscard]] ExampleBounds after(std::size_t taken, bool read) const {
    return {tokens + (read ? sequences * taken : 0), sequences, longest + taken, targets};
  }

  /// Takes rows into account.
  void cover(std::span<const EncodedExample> rows) {
    for (const EncodedExample& row : rows) {
      const OptionTokens& options = *row.options;
      const std::size_t count = options.single() ? 1 : options.options.size();
      std::size_t packed = count * row.prompt.size();
      if (!options.single())
        for (std::size_t i = 0; i < count; ++i) packed += options.added(i);
      sequences = std::max(sequences, count);
      longest = std::max(longest, row.prompt.size() + options.longest());
      tokens = std::max(tokens, packed);
      targets = std::max(targets, options.targets());
    }
  }
};

/// How large the rows of the tasks get under an adapter.
inline ExampleBounds bounds_of(const std::vector<RunTask>& tasks, const peft::Adapter& adapter) {
  ExampleBounds extent;
  for (const RunTask& task : tasks)
    for (const std::vector<EncodedExample>* rows :
         {&task.examples.upper, &task.examples.lower, &task.examples.unseen, &task.selection, &task.held_out})
      extent.cover(*rows);
  return extent.after(peft::virtual_tokens(adapter), peft::kind(adapter) == peft::Kind::prompt);
}

/// Rows, as large as `row`, of the largest pass of several adapters' gradients: of one adapter, which has up
/// to `largest` of the `all` rows, or of those that share a pass because `fill` tokens hold them
/// (packed_gradients).
inline std::size_t examples_of_joint_pass(std::size_t largest, std::size_t all, const ExampleBounds& row,
                                      std::size_t fill) {
  return std::max(largest, std::min(all, fill / std::max<std::size_t>(row.tokens, 1) + 1));
}

namespace detail {

/// The sum over the `count` tasks that have the most of it (0: all).
template <class RowsOf>
std::size_t largest_sum(const std::vector<RunTask>& tasks, std::size_t count, RowsOf&& rows_of) {
  std::vector<std::size_t> rows;
  for (const RunTask& task : tasks) rows.push_back(rows_of(task));
  std::ranges::sort(rows, std::ranges::greater());
  if (count > 0 && count < rows.size()) rows.resize(count);
  std::size_t sum = 0;
  for (const std::size_t each : rows) sum += each;
  return sum;
}

/// Adapters in memory: p and s of a task, each with two moments; those of a step once more to return to, each
/// with its gradient, and with that of a piece where batches have several; a pass's.
inline std::size_t adapter_vectors(const RunOptions& o, std::size_t tasks) {
  std::size_t sampled = o.tasks_per_step == 0 ? tasks : o.tasks_per_step;
  std::size_t held =
      o.max_resident_adapters == 0 ? tasks : std::max<std::size_t>(o.max_resident_adapters, sampled);
  if (o.tied()) held = sampled = 1;
  constexpr std::size_t kept = 2 * (1 + 2);
  const std::size_t of_a_step = kept + 2 * (o.gradient_accumulation_steps > 1 ? 2 : 1);
  return std::min(held, tasks) * kept + sampled * of_a_step + 3;
}

}  // namespace detail

/// Rows of the largest passes, whose rows are `row` at most, and the number of adapters. The probed pass has
/// F(p), G(p), G(s) of all tasks of a step. Gradients share a pass as long as `fill` tokens hold them. An
/// adapter that zeroth-order updates train has passes no larger than those of scoring.
inline PassExamples pass_examples(const RunOptions& o, const std::vector<RunTask>& tasks, const ExampleBounds& row,
                          std::size_t fill) {
  const std::size_t batch = o.batch_size;
  const auto upper = [&](const RunTask& task) { return std::min(batch, task.examples.upper.size()); };
  const auto lower = [&](const RunTask& task) { return std::min(batch, task.examples.lower.size()); };
  const auto penalised = [&](const RunTask& task) { return upper(task) + lower(task); };
  const auto of_a_step = [&](const auto& rows_of) {
    return detail::largest_sum(tasks, o.tasks_per_step, rows_of);
  };
  PassExamples rows;
  if (o.updates_backbone()) {
    const bool penalty = o.trains() == Trains::both_levels && o.penalty != 0.0;
    rows.probed = of_a_step([&](const RunTask& task) {
      const std::size_t unseen = task.examples.unseen.size();
      return (unseen > 0 ? std::min(batch, unseen) : upper(task)) + (penalty ? 2 * lower(task) : 0);
    });
    if (o.direction == DirectionKind::low_rank) {
      rows.probes = o.forward_difference ? o.num_directions + 1 : 2 * std::size_t{o.num_directions};
      rows.low_rank = o.direction_rank;
    }
  }
  if (!o.takes_gradients()) return rows;
  rows.vectors = detail::adapter_vectors(o, tasks.size());
  const bool both = o.trains() == Trains::both_levels;
  const std::size_t all =
      of_a_step([&](const RunTask& task) { return lower(task) + (both ? penalised(task) : 0); });
  // An adapter that all tasks share has the rows of all tasks of a step.
  const std::size_t largest = o.tied() ? of_a_step(penalised) : detail::largest_sum(tasks, 1, penalised);
  rows.gradient = examples_of_joint_pass(largest, all, row, fill);
  return rows;
}

}  // namespace zofo::llm
