/// @file The runs of a comparison brought together: a row for every task and method.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/compare/plan.hpp"
#include "zofo/compare/run_record.hpp"
#include "zofo/compare/statistics.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

/// What came of one cell of a plan: a record, or why there is none; neither while it is still to be run.
struct Outcome {
  Cell cell;
  std::optional<RunRecord> record = {};
  std::string failure = {};
};

/// A method on a task over its seeds. Figures that no run has are estimates of no value.
struct Row {
  std::string task, label;
  std::size_t runs = 0;  ///< finished
  std::size_t failures = 0;
  std::uint64_t rows = 0;  ///< held-out rows scored
  Estimate accuracy, macro_f1, loss, seconds, passes, steps;
  Estimate exact_match, f1;              ///< of a task whose answers the model writes
  Estimate seconds_to_95, passes_to_95;  ///< until 95 % of a run's own best accuracy, on its learning curve
  double peak_mib = 0.0;                 ///< the largest of the runs
};

/// The share of its best accuracy whose time is taken.
inline constexpr double most_of_best = 0.95;

namespace detail {

/// The mean of one figure of records, left out where it is NaN.
template <class Get>
Estimate over(const std::vector<const RunRecord*>& records, Get&& get) {
  std::vector<double> values;
  for (const RunRecord* record : records)
    if (const double value = get(*record); std::isfinite(value)) values.push_back(value);
  return estimate(values);
}

inline Estimate time_to_most(const std::vector<const RunRecord*>& records, double CurvePoint::*x) {
  return over(records, [x](const RunRecord& record) {
    return reached(record.line(x, &Figures::accuracy), most_of_best).value_or(std::nan(""));
  });
}

}  // namespace detail

/// The row of records of one method on one task. Throws Error if they were not scored on as many rows.
inline Row make_row(std::string task, std::string label, const std::vector<const RunRecord*>& records) {
  Row row;
  row.task = std::move(task);
  row.label = std::move(label);
  row.runs = records.size();
  for (const RunRecord* record : records) {
    row.rows = record->rows;
    require(record->rows == records.front()->rows, "{}, {}: runs on {} and on {} held-out rows", row.task,
            row.label, records.front()->rows, record->rows);
    row.peak_mib = std::max(row.peak_mib, record->peak_mib);
  }
  const auto over = [&](auto get) { return detail::over(records, get); };
  row.accuracy = over([](const RunRecord& r) { return r.figures.accuracy; });
  row.macro_f1 = over([](const RunRecord& r) { return r.figures.macro_f1; });
  row.loss = over([](const RunRecord& r) { return r.figures.loss; });
  row.exact_match = over([](const RunRecord& r) { return r.figures.exact_match; });
  row.f1 = over([](const RunRecord& r) { return r.figures.f1; });
  row.seconds = over([](const RunRecord& r) { return r.seconds; });
  row.passes = over([](const RunRecord& r) { return r.passes; });
  row.steps = over([](const RunRecord& r) { return static_cast<double>(r.steps); });
  row.seconds_to_95 = detail::time_to_most(records, &CurvePoint::seconds);
  row.passes_to_95 = detail::time_to_most(records, &CurvePoint::passes);
  return row;
}

/// The finished records of one method on one task, in the order of the seeds.
inline std::vector<const RunRecord*> records_of(const std::vector<Outcome>& outcomes, std::size_t task,
                                                std::size_t arm) {
  std::vector<const RunRecord*> out;
  for (const Outcome& outcome : outcomes)
    if (outcome.cell.task == task && outcome.cell.arm == arm && outcome.record)
      out.push_back(&*outcome.record);
  return out;
}

/// All rows, task by task; `untrained` has the record of every task whose untrained model was scored.
inline std::vector<Row> rows_of(const Plan& plan, const std::vector<std::optional<RunRecord>>& untrained,
                                const std::vector<Outcome>& outcomes) {
  std::vector<Row> rows;
  for (std::size_t task = 0; task < plan.tasks.size(); ++task) {
    if (untrained[task])
      rows.push_back(make_row(plan.tasks[task].name, std::string(zero_shot), {&*untrained[task]}));
    for (std::size_t arm = 0; arm < plan.arms.size(); ++arm) {
      rows.push_back(make_row(plan.tasks[task].name, plan.arms[arm].label, records_of(outcomes, task, arm)));
      for (const Outcome& outcome : outcomes)
        if (outcome.cell.task == task && outcome.cell.arm == arm && !outcome.failure.empty())
          ++rows.back().failures;
    }
  }
  return rows;
}

}  // namespace zofo::compare
