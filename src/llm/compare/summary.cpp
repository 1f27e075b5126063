#include "zofo/compare/summary.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::compare {

namespace {

/// The mean of one metric over records; ignores NaN.
template <class Get>
Estimate over(const std::vector<const RunRecord*>& records, Get&& get) {
  std::vector<double> values;
  for (const RunRecord* record : records)
    if (const double value = get(*record); std::isfinite(value)) values.push_back(value);
  return estimate(values);
}

Estimate time_to_most(const std::vector<const RunRecord*>& records, double CurvePoint::* x) {
  return over(records, [x](const RunRecord& record) {
    return reached(record.line(x, &Figures::accuracy), most_of_best).value_or(std::nan(""));
  });
}

}  // namespace

Row make_row(std::string task, std::string label, const std::vector<const RunRecord*>& records) {
  Row row;
  row.task = std::move(task);
  row.label = std::move(label);
  row.runs = records.size();
  for (const RunRecord* record : records) {
    row.rows = record->rows;
    require(record->rows == records.front()->rows, "{}, {}: runs scored on {} and on {} held-out examples",
            row.task, row.label, records.front()->rows, record->rows);
    row.peak_mib = std::max(row.peak_mib, record->peak_mib);
  }
  const auto mean = [&](auto get) { return over(records, get); };
  row.accuracy = mean([](const RunRecord& r) { return r.figures.accuracy; });
  row.macro_f1 = mean([](const RunRecord& r) { return r.figures.macro_f1; });
  row.loss = mean([](const RunRecord& r) { return r.figures.loss; });
  row.exact_match = mean([](const RunRecord& r) { return r.figures.exact_match; });
  row.f1 = mean([](const RunRecord& r) { return r.figures.f1; });
  row.seconds = mean([](const RunRecord& r) { return r.seconds; });
  row.passes = mean([](const RunRecord& r) { return r.passes; });
  row.steps = mean([](const RunRecord& r) { return static_cast<double>(r.steps); });
  row.seconds_to_95 = time_to_most(records, &CurvePoint::seconds);
  row.passes_to_95 = time_to_most(records, &CurvePoint::passes);
  return row;
}

std::vector<const RunRecord*> records_of(const std::vector<Outcome>& outcomes, std::size_t task,
                                         std::size_t arm) {
  std::vector<const RunRecord*> out;
  for (const Outcome& outcome : outcomes)
    if (outcome.cell.task == task && outcome.cell.arm == arm && outcome.record)
      out.push_back(&*outcome.record);
  return out;
}

std::vector<Row> rows_of(const Plan& plan, const std::vector<std::optional<RunRecord>>& untrained,
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
