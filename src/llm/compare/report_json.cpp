#include "zofo/compare/report_json.hpp"

#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/compare/run_record.hpp"

namespace zofo::compare {

nlohmann::json to_json(const Estimate& estimate) {
  nlohmann::json out = {{"mean", nullptr}, {"error", nullptr}, {"count", estimate.count}};
  if (std::isfinite(estimate.mean)) out["mean"] = estimate.mean;
  if (estimate.error) out["error"] = *estimate.error;
  return out;
}

nlohmann::json to_json(const Row& row) {
  return {{"task", row.task},
          {"label", row.label},
          {"runs", row.runs},
          {"failures", row.failures},
          {"held_out_rows", row.rows},
          {"accuracy", to_json(row.accuracy)},
          {"macro_f1", to_json(row.macro_f1)},
          {"loss", to_json(row.loss)},
          {"exact_match", to_json(row.exact_match)},
          {"f1", to_json(row.f1)},
          {"seconds", to_json(row.seconds)},
          {"passes", to_json(row.passes)},
          {"steps", to_json(row.steps)},
          {"seconds_to_95", to_json(row.seconds_to_95)},
          {"passes_to_95", to_json(row.passes_to_95)},
          {"peak_mib", row.peak_mib}};
}

namespace {

nlohmann::json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

nlohmann::json mean_curve(const std::vector<const RunRecord*>& records, double CurvePoint::* x,
                          double Figures::* y) {
  std::vector<Line> lines;
  for (const RunRecord* record : records) lines.push_back(record->line(x, y));
  const MeanLine mean = mean_line(lines);
  nlohmann::json points = nlohmann::json::array();
  for (std::size_t i = 0; i < mean.x.size(); ++i)
    points.push_back(
        {mean.x[i], mean.y[i].mean, mean.y[i].error ? nlohmann::json(*mean.y[i].error) : nlohmann::json()});
  return points;
}

nlohmann::json run_to_json(const Plan& plan, const Outcome& outcome) {
  nlohmann::json out = {{"task", plan.tasks[outcome.cell.task].name},
                        {"label", plan.arms[outcome.cell.arm].label},
                        {"seed", outcome.cell.seed}};
  if (!outcome.failure.empty()) out["failure"] = outcome.failure;
  if (!outcome.record) return out;
  const RunRecord& record = *outcome.record;
  out.update({{"accuracy", finite_or_null(record.figures.accuracy)},
              {"macro_f1", finite_or_null(record.figures.macro_f1)},
              {"loss", finite_or_null(record.figures.loss)},
              {"exact_match", finite_or_null(record.figures.exact_match)},
              {"f1", finite_or_null(record.figures.f1)},
              {"seconds", record.seconds},
              {"passes", record.passes},
              {"steps", record.steps},
              {"peak_mib", record.peak_mib},
              {"served", record.selected}});
  nlohmann::json curve = nlohmann::json::array();
  for (const CurvePoint& point : record.curve)
    curve.push_back({{"seconds", point.seconds},
                     {"passes", point.passes},
                     {"accuracy", finite_or_null(point.figures.accuracy)},
                     {"loss", finite_or_null(point.figures.loss)}});
  out["curve"] = std::move(curve);
  return out;
}

}  // namespace

nlohmann::json curves_to_json(const Plan& plan, const std::vector<Outcome>& outcomes) {
  nlohmann::json out = nlohmann::json::array();
  const std::pair<const char*, double CurvePoint::*> xs[] = {{"seconds", &CurvePoint::seconds},
                                                             {"passes", &CurvePoint::passes}};
  const std::pair<const char*, double Figures::*> ys[] = {{"accuracy", &Figures::accuracy},
                                                          {"loss", &Figures::loss}};
  for (std::size_t task = 0; task < plan.tasks.size(); ++task)
    for (std::size_t arm = 0; arm < plan.arms.size(); ++arm)
      for (const auto& [x_name, x] : xs)
        for (const auto& [y_name, y] : ys)
          out.push_back({{"task", plan.tasks[task].name},
                         {"label", plan.arms[arm].label},
                         {"x", x_name},
                         {"y", y_name},
                         {"points", mean_curve(records_of(outcomes, task, arm), x, y)}});
  return out;
}

nlohmann::json runs_to_json(const Plan& plan, const std::vector<Outcome>& outcomes) {
  nlohmann::json out = nlohmann::json::array();
  for (const Outcome& outcome : outcomes) out.push_back(run_to_json(plan, outcome));
  return out;
}

}  // namespace zofo::compare
