/// @file The tasks of a run as a problem of the solver.
#pragma once

#include <utility>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/train/language_problem.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// The tasks as a problem: one task each, or one mixture where they share their adapters.
template <class Backend>
BasicLanguageProblem<Backend> language_problem(model::BasicTransformer<Backend>& transformer,
                                               const RunOptions& o, const std::vector<RunTask>& tasks) {
  using Task = typename BasicLanguageProblem<Backend>::Task;
  std::vector<Task> list;
  if (o.tied()) {
    Task mixture{{}, o.tasks_per_step, task_weights(o, tasks)};
    for (const RunTask& task : tasks) mixture.sets.push_back(&task.examples);
    list.push_back(std::move(mixture));
  } else {
    for (const RunTask& task : tasks) list.push_back({{&task.examples}});
  }
  return {transformer,
          std::move(list),
          {o.batch_size, o.gradient_accumulation_steps, o.trains() != Trains::backbone}};
}

}  // namespace zofo::llm
