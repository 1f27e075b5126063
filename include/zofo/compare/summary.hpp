/// @file Summarises the runs of a comparison: a row for every task and method.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zofo/compare/plan.hpp"
#include "zofo/compare/run_record.hpp"
#include "zofo/compare/statistics.hpp"

namespace zofo::compare {

/// The result of one cell of a plan: a record, or the message of a failure; neither before it has run.
struct Outcome {
  Cell cell;                             ///< the run
  std::optional<RunRecord> record = {};  ///< of a finished run
  std::string failure = {};              ///< message; empty if the run did not fail
};

/// A method on a task, over its seeds. Metrics that no run has are estimates without values.
struct Row {
  std::string task;          ///< name of the task
  std::string label;         ///< of the arm
  std::size_t runs = 0;      ///< finished
  std::size_t failures = 0;  ///< runs that failed
  std::uint64_t rows = 0;    ///< held-out examples scored
  ///@{
  /// A metric on the held-out examples.
  Estimate accuracy, macro_f1, loss;
  ///@}
  ///@{
  /// Training effort.
  Estimate seconds, passes, steps;
  ///@}
  ///@{
  /// A metric of a generation task.
  Estimate exact_match, f1;
  ///@}
  ///@{
  /// Effort until 95 % of the run's own best accuracy on its learning curve.
  Estimate seconds_to_95, passes_to_95;
  ///@}
  double peak_mib = 0.0;  ///< maximum over the runs
};

/// The share of the best accuracy that seconds_to_95 and passes_to_95 refer to.
inline constexpr double most_of_best = 0.95;

/// The row of one method on one task. Throws Error when the records have different numbers of examples.
Row make_row(std::string task, std::string label, const std::vector<const RunRecord*>& records);

/// The finished records of one method on one task, in the order of the seeds.
std::vector<const RunRecord*> records_of(const std::vector<Outcome>& outcomes, std::size_t task,
                                         std::size_t arm);

/// All rows, task by task; `untrained` has the record of every task whose untrained model was scored.
std::vector<Row> rows_of(const Plan& plan, const std::vector<std::optional<RunRecord>>& untrained,
                         const std::vector<Outcome>& outcomes);

}  // namespace zofo::compare
