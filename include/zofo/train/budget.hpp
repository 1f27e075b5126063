/// @file The limits of a run, and how much of them is used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

struct RunTask;

/// Outer steps in one epoch: a step's updates of a task read `batch_size` examples each, and an epoch ends
/// when every training example of the task was read. Where gradients update adapters, these are the examples
/// of the adapters' updates; else those of the estimates. With several tasks the mean number of epochs over
/// the tasks counts. 0 if the method does not train.
double steps_per_epoch(const RunOptions& o, const std::vector<RunTask>& tasks);

/// The outer steps in `o.epochs` epochs, rounded up; 0: no limit. Throws Error if the mini-batches of so many
/// steps cannot be numbered.
std::uint32_t steps_of_epochs(const RunOptions& o, double steps_per_epoch);

/// Sets where a schedule of learning rates ends, if only the number of epochs determines it or the epochs end
/// before max_steps. A replay and a resumed run then find it in the options.
void set_schedule_end(RunOptions& o, double steps_per_epoch);

/// The flags of the limits that are set, each with twice its value: "--max-steps 80, --epochs 6".
std::string raised_limits(const RunOptions& o);

/// The limits of a run in steps, seconds, forward passes or epochs, or in several of them. Borrows the
/// options.
class Budget {
 public:
  /// The limits of a run by these options.
  explicit Budget(const RunOptions& options, double steps_per_epoch = 0.0)
      : options_(options), epoch_steps_(steps_of_epochs(options, steps_per_epoch)) {}

  /// Continues from counters: points of the learning curve before them are not due again.
  void start(const Counters& counters) { points_ = point_at(counters); }
  /// Whether one more step of that cost ends within the limits: no method exceeds them.
  [[nodiscard]] bool allows(const Counters& counters, const Cost& next) const;
  /// Estimated seconds left.
  [[nodiscard]] double left(const Counters& counters) const;
  /// True once for each point of the learning curve except the last, which is the final score.
  [[nodiscard]] bool point_is_due(const Counters& counters);

 private:
  [[nodiscard]] double share_done(const Counters& counters) const;
  [[nodiscard]] std::uint32_t point_at(const Counters& counters) const;

  const RunOptions& options_;
  std::uint32_t epoch_steps_;  // 0: no limit
  std::uint32_t points_ = 0;
};

/// True if the limits allow a saved run another step. The state of an earlier release lacks the steps in an
/// epoch: there `epochs` is no limit. Throws Error naming a number that the state lacks.
bool can_continue(const RunOptions& given, const checkpoint::RunState& saved);

/// Throws Error unless a run of this folder, started with the options `started`, can be resumed with `given`:
/// they are valid, only options that may change differ, and a finished run has a limit left. `raise` ends the
/// message about a finished run: what to raise, and how.
void check_resume(const RunFolder& folder, const RunOptions& started, const RunOptions& given,
                  const checkpoint::RunState& saved, std::string_view raise);

}  // namespace zofo::llm
