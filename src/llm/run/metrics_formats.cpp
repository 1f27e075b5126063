#include "zofo/run/metrics_formats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/parse/json.hpp"

namespace zofo::llm {

namespace {

// The fields of a step and their names in TensorBoard.
constexpr std::pair<const char*, const char*> step_tags[] = {{"upper", "train/upper"},
                                                             {"lower_p", "train/lower_p"},
                                                             {"lower_s", "train/lower_s"},
                                                             {"inner_s", "train/inner_s"},
                                                             {"inner_p", "train/inner_p"},
                                                             {"rho", "train/rho"},
                                                             {"penalty", "train/penalty"},
                                                             {"zo_learning_rate", "learning_rate/zo"},
                                                             {"lower_learning_rate", "learning_rate/lower"},
                                                             {"upper_learning_rate", "learning_rate/upper"},
                                                             {"step_seconds", "time/step_seconds"},
                                                             {"seconds", "time/seconds"},
                                                             {"peak_mib", "memory/peak_mib"}};

constexpr const char* score_fields_of_a_line[] = {
    "accuracy", "balanced_accuracy", "macro_f1", "loss", "exact_match", "f1", "perplexity"};

// TensorBoard's group of the scores of an event. The curve is of the first held-out examples, the others of
// all.
const char* group_of(std::string_view event) {
  if (event == "curve") return "held_out";
  return event == "decision" ? "validation" : "result";
}

void add(std::vector<Scalar>& out, const nlohmann::json& line, const char* field, std::string tag) {
  const auto found = line.find(field);
  if (found != line.end() && found->is_number()) out.push_back({std::move(tag), found->get<double>()});
}

// A list with a number for each task.
void add_list(std::vector<Scalar>& out, const nlohmann::json& line, const char* field, const std::string& tag,
              std::span<const std::string> tasks) {
  const auto found = line.find(field);
  if (found == line.end() || !found->is_array()) return;
  for (std::size_t i = 0; i < std::min(tasks.size(), found->size()); ++i)
    if ((*found)[i].is_number()) out.push_back({tag + "/" + tasks[i], (*found)[i].get<double>()});
}

// A field of CSV, in quotes where RFC 4180 asks for them.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_value(const nlohmann::json& value) {
  if (value.is_string()) return csv_field(value.get<std::string>());
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return "";
  if (value.is_array()) {  // the numbers of a step's tasks
    std::string list;
    for (const nlohmann::json& each : value) list += (list.empty() ? "" : " ") + each.dump();
    return list;
  }
  return value.is_null() ? "" : value.dump();
}

}  // namespace

std::uint64_t steps_of(const nlohmann::json& line) {
  return line.at("step").get<std::uint64_t>() + (line.at("event") == "step" ? 1 : 0);
}

std::vector<Scalar> scalars_of(const nlohmann::json& line, std::span<const std::string> tasks) {
  std::vector<Scalar> scalars;
  const auto event = line.at("event").get<std::string>();
  if (event == "step") {
    for (const auto& [field, tag] : step_tags) add(scalars, line, field, tag);
    return scalars;
  }
  const std::string group = group_of(event);
  for (const char* field : score_fields_of_a_line) add(scalars, line, field, group + "/" + field);
  add_list(scalars, line, "losses", group + "/loss", tasks);
  add_list(scalars, line, "balanced_accuracies", group + "/balanced_accuracy", tasks);
  return scalars;
}

MetricsTable::MetricsTable(bool of_tasks, std::span<const std::string> tasks) {
  for (const char* name : {"event", "step", "seconds", "passes", "tokens", "step_seconds", "peak_mib"})
    columns_.push_back({name, name});
  for (const char* name : {"upper", "lower_p", "lower_s", "rho", "inner_s", "inner_p", "penalty",
                           "zo_learning_rate", "lower_learning_rate", "upper_learning_rate"})
    columns_.push_back({name, name});
  for (const char* name : score_fields_of_a_line) columns_.push_back({name, name});
  columns_.push_back({"rows", "rows"});
  columns_.push_back({"served", "served"});
  if (!of_tasks) return;
  columns_.push_back({"tasks", "tasks"});
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    columns_.push_back({"loss/" + tasks[i], "losses", static_cast<std::ptrdiff_t>(i)});
    columns_.push_back(
        {"balanced_accuracy/" + tasks[i], "balanced_accuracies", static_cast<std::ptrdiff_t>(i)});
  }
}

std::string MetricsTable::header() const {
  std::string line;
  for (const Column& column : columns_) line += (line.empty() ? "" : ",") + csv_field(column.name);
  return line;
}

std::string MetricsTable::row(const nlohmann::json& line) const {
  std::string text;
  for (const Column& column : columns_) {
    if (&column != &columns_.front()) text += ',';
    const auto found = line.find(column.field);
    if (found == line.end()) continue;
    if (column.at < 0) {
      text += csv_value(*found);
    } else if (found->is_array() && std::cmp_less(column.at, found->size())) {
      text += csv_value((*found)[static_cast<std::size_t>(column.at)]);
    }
  }
  return text;
}

std::string MetricsTable::text(std::string_view metrics) const {
  std::string out = header() + "\n";
  while (!metrics.empty()) {
    const std::size_t end = metrics.find('\n');
    out += row(parse::parse_json(metrics.substr(0, end))) + "\n";
    metrics.remove_prefix(end == std::string_view::npos ? metrics.size() : end + 1);
  }
  return out;
}

}  // namespace zofo::llm
