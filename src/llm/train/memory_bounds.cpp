#include "zofo/train/memory_bounds.hpp"

#include <algorithm>
#include <functional>

namespace zofo::llm {

ExampleBounds ExampleBounds::after(std::size_t reserved, bool read) const {
  return {tokens + (read ? sequences * reserved : 0), sequences, longest + reserved, targets};
}

void ExampleBounds::cover(std::span<const EncodedExample> examples) {
  for (const EncodedExample& example : examples) {
    const OptionTokens& options = *example.options;
    const std::size_t count = options.single() ? 1 : options.options.size();
    std::size_t packed = count * example.prompt.size();
    if (!options.single())
      for (std::size_t i = 0; i < count; ++i) packed += options.added(i);
    sequences = std::max(sequences, count);
    longest = std::max(longest, example.prompt.size() + options.longest());
    tokens = std::max(tokens, packed);
    targets = std::max(targets, options.targets());
  }
}

ExampleBounds bounds_of(const std::vector<RunTask>& tasks, const peft::Adapter& adapter) {
  ExampleBounds bounds;
  for (const RunTask& task : tasks)
    for (const std::vector<EncodedExample>* examples :
         {&task.examples.upper, &task.examples.lower, &task.examples.unseen, &task.selection, &task.held_out})
      bounds.cover(*examples);
  return bounds.after(peft::virtual_tokens(adapter), peft::kind(adapter) == peft::Kind::prompt);
}

std::size_t examples_of_joint_pass(std::size_t largest, std::size_t all, const ExampleBounds& example,
                                   std::size_t max_tokens) {
  return std::max(largest, std::min(all, max_tokens / std::max<std::size_t>(example.tokens, 1) + 1));
}

namespace {

// The sum of the `count` largest values over the tasks (0: of all).
std::size_t largest_sum(const std::vector<RunTask>& tasks, std::size_t count,
                        const std::function<std::size_t(const RunTask&)>& value) {
  std::vector<std::size_t> values;
  for (const RunTask& task : tasks) values.push_back(value(task));
  std::ranges::sort(values, std::ranges::greater());
  if (count > 0 && count < values.size()) values.resize(count);
  std::size_t sum = 0;
  for (const std::size_t each : values) sum += each;
  return sum;
}

// Vectors of an adapter's size in memory. Each resident task has p and s with two moments each. Each task of
// a step needs a copy of these to return to, and one gradient for each of p and s (two with gradient
// accumulation). A pass needs three more.
std::size_t adapter_vectors(const RunOptions& o, std::size_t tasks) {
  std::size_t sampled = o.tasks_per_step == 0 ? tasks : o.tasks_per_step;
  std::size_t resident =
      o.max_resident_adapters == 0 ? tasks : std::max<std::size_t>(o.max_resident_adapters, sampled);
  if (o.tied()) resident = sampled = 1;
  constexpr std::size_t of_task = 2 * (1 + 2);
  const std::size_t of_step = of_task + 2 * (o.gradient_accumulation_steps > 1 ? 2 : 1);
  return std::min(resident, tasks) * of_task + sampled * of_step + 3;
}

}  // namespace

PassExamples pass_examples(const RunOptions& o, const std::vector<RunTask>& tasks,
                           const ExampleBounds& example, std::size_t max_tokens) {
  const std::size_t batch = o.batch_size;
  const auto upper = [&](const RunTask& task) { return std::min(batch, task.examples.upper.size()); };
  const auto lower = [&](const RunTask& task) { return std::min(batch, task.examples.lower.size()); };
  const auto penalised = [&](const RunTask& task) { return upper(task) + lower(task); };
  const auto of_step = [&](const auto& value) { return largest_sum(tasks, o.tasks_per_step, value); };
  PassExamples passes;
  if (o.updates_backbone()) {
    const bool penalty = o.trains() == Trains::both_levels && o.penalty != 0.0;
    passes.probed = of_step([&](const RunTask& task) {
      const std::size_t unseen = task.examples.unseen.size();
      return (unseen > 0 ? std::min(batch, unseen) : upper(task)) + (penalty ? 2 * lower(task) : 0);
    });
    if (o.direction == DirectionKind::low_rank) {
      passes.probes = o.forward_difference ? o.num_directions + 1 : 2 * std::size_t{o.num_directions};
      passes.low_rank = o.direction_rank;
    }
  }
  if (!o.takes_gradients()) return passes;
  passes.vectors = adapter_vectors(o, tasks.size());
  const bool both = o.trains() == Trains::both_levels;
  const std::size_t all =
      of_step([&](const RunTask& task) { return lower(task) + (both ? penalised(task) : 0); });
  // An adapter that all tasks share has the examples of all tasks of a step.
  const std::size_t largest = o.tied() ? of_step(penalised) : largest_sum(tasks, 1, penalised);
  passes.gradient = examples_of_joint_pass(largest, all, example, max_tokens);
  return passes;
}

}  // namespace zofo::llm
