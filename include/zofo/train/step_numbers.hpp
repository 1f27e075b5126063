/// @file Learning rates and λ of an outer step, for the run's log.
#pragma once

#include <concepts>

#include "zofo/config/run_options.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/runtime/make_policies.hpp"

namespace zofo::llm {

/// The rates that the solver's latest step used, and λ; duration and memory are left to the caller. The rates
/// of p and s are those of their last update, of the first of the step's tasks: with adapters that are reset,
/// or tasks that are sampled, each task has come to its own place of the schedule.
template <class Solver, class Inner>
StepNumbers numbers_of(const RunOptions& o, const Solver& solver, const Inner& lower, const Inner& upper) {
  StepNumbers numbers{.tasks = solver.sampled()};
  if (o.takes_estimates())
    numbers.zo_learning_rate = rate_schedule(o).of(o.zo_learning_rate).at(solver.state().step - 1);
  if constexpr (std::same_as<Inner, inner::Adam>) {
    if (!o.takes_gradients()) return numbers;
    const auto& task = solver.state().tasks[solver.sampled().front()];
    if (task.lower.steps > 0) numbers.lower_learning_rate = lower.rate.at(task.lower.steps - 1);
    if (task.upper.steps > 0) numbers.upper_learning_rate = upper.rate.at(task.upper.steps - 1);
    if (o.trains() == Trains::both_levels) numbers.penalty = o.penalty;
  }
  return numbers;
}

}  // namespace zofo::llm
