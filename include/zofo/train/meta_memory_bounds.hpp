/// @file How large the passes of a meta-training get.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "zofo/train/memory_bounds.hpp"
#include "zofo/config/meta_options.hpp"
#include "zofo/train/meta_tasks.hpp"

namespace zofo::llm {

namespace detail {

/// The sum over the `count` tasks that have the most of it (0: all).
template <class RowsOf>
std::size_t most_rows(const std::vector<MetaTaskData>& tasks, std::size_t count, RowsOf&& rows_of) {
  std::vector<std::size_t> rows;
  for (const MetaTaskData& task : tasks) rows.push_back(rows_of(task));
  std::ranges::sort(rows, std::ranges::greater());
  if (count > 0 && count < rows.size()) rows.resize(count);
  std::size_t sum = 0;
  for (const std::size_t each : rows) sum += each;
  return sum;
}

}  // namespace detail

/// Rows of the largest passes, whose rows are `row` at most, and the adapters beside them. The probed pass
/// has F(p), G(p), G(s) of all tasks of a step. Gradients share a pass as long as
/// Backend::tokens_that_fill tokens hold them.
template <class Backend>
PassRows meta_pass_rows(const MetaTrainOptions& o, const std::vector<MetaTaskData>& tasks,
                        const RowExtent& row) {
  if (o.method == "none") return {};
  const std::size_t batch = o.batch;
  const auto upper = [&](const MetaTaskData& task) { return std::min(batch, task.rows.upper.size()); };
  const auto lower = [&](const MetaTaskData& task) { return std::min(batch, task.rows.lower.size()); };
  const auto penalised = [&](const MetaTaskData& task) { return upper(task) + lower(task); };
  const auto of_a_step = [&](const auto& rows_of) {
    return detail::most_rows(tasks, o.tasks_per_step, rows_of);
  };
  const bool penalty = o.penalty != 0.0;
  PassRows rows;
  if (o.moves_backbone()) {
    take_probes(o, rows);
    rows.probed = of_a_step([&](const MetaTaskData& task) {
      const std::size_t unseen = task.rows.unseen.size();
      return (unseen > 0 ? std::min(batch, unseen) : upper(task)) + (penalty ? 2 * lower(task) : 0);
    });
  }
  if (o.method == "joint-mezo") return rows;
  const std::size_t all = of_a_step([&](const MetaTaskData& task) { return penalised(task) + lower(task); });
  // An adapter that all tasks share has the rows of all tasks of a step.
  const std::size_t largest = o.tied() ? of_a_step(penalised) : detail::most_rows(tasks, 1, penalised);
  rows.gradient = rows_of_joint_pass(largest, all, row, Backend::tokens_that_fill);
  std::size_t drawn = o.tasks_per_step == 0 ? tasks.size() : o.tasks_per_step;
  std::size_t held = o.in_memory == 0 ? tasks.size() : std::max<std::size_t>(o.in_memory, drawn);
  if (o.tied()) held = drawn = 1;
  // p and s, each with its gradient and two moments; those of a step once more to fall back on; a pass's.
  constexpr std::size_t of_a_pair = 2 * (1 + 3);
  rows.vectors = (std::min(held, tasks.size()) + drawn) * of_a_pair + 3;
  return rows;
}

}  // namespace zofo::llm
