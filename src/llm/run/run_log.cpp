#include "zofo/run/run_log.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/lm/scores_json.hpp"
#include "zofo/run/task_scores.hpp"

namespace zofo::llm {

namespace {

nlohmann::json fields_of_tasks(std::span<const Scores> tasks) {
  nlohmann::json losses = nlohmann::json::array(), accuracies = nlohmann::json::array();
  for (const Scores& each : tasks) {
    losses.push_back(each.loss);
    accuracies.push_back(each.balanced_accuracy);
  }
  return {{"loss", mean_loss(tasks)},
          {"balanced_accuracy", mean_balanced_accuracy(tasks)},
          {"losses", losses},
          {"balanced_accuracies", accuracies}};
}

}  // namespace

RunLog::RunLog(const RunFolder& folder, const RunOptions& options, std::vector<std::string> tasks)
    : metrics_(folder.file("metrics.jsonl")),
      trajectory_(folder.file("trajectory.jsonl")),
      events_(folder.path(), options.tensorboard),
      csv_path_(folder.file("metrics.csv")),
      tasks_(std::move(tasks)),
      table_(options.command == Command::meta_train, tasks_),
      batch_(options.batch_size),
      of_tasks_(options.command == Command::meta_train),
      of_updates_(options.takes_estimates()),
      writes_csv_(options.csv) {}

void RunLog::write(const nlohmann::json& line) {
  metrics_.line(line.dump());
  events_.write(steps_of(line), scalars_of(line, tasks_));
  if (!writes_csv_) return;
  if (!csv_) {
    csv_.emplace(csv_path_);
    if (std::filesystem::file_size(csv_path_) == 0) csv_->line(table_.header());
  }
  csv_->line(table_.row(line));
}

void RunLog::step(const StepReport& report, const Counters& counters, const StepNumbers& numbers) {
  if (of_updates_) {
    std::string lines = trajectory_lines(report.step, report.gradient);
    lines.pop_back();  // the line end, which the file adds
    trajectory_.line(lines);
  }
  nlohmann::json fields = {{"event", "step"},
                           {"step", report.step},
                           {"seconds", counters.seconds},
                           {"passes", counters.passes(batch_)},
                           {"tokens", counters.tokens},
                           {"step_seconds", numbers.seconds},
                           {"peak_mib", numbers.peak_mib},
                           {"upper", report.upper},
                           {"lower_p", report.lower_p},
                           {"lower_s", report.lower_s},
                           {"rho", report.projected_gradient},
                           {"inner_s", report.inner_value_s},
                           {"inner_p", report.inner_value_p}};
  const auto add = [&fields](const char* name, double value) {  // what a method does not have is left out
    if (!std::isnan(value)) fields[name] = value;
  };
  add("penalty", numbers.penalty);
  add("zo_learning_rate", numbers.zo_learning_rate);
  add("lower_learning_rate", numbers.lower_learning_rate);
  add("upper_learning_rate", numbers.upper_learning_rate);
  if (of_tasks_) fields["tasks"] = std::vector<std::size_t>(numbers.tasks.begin(), numbers.tasks.end());
  write(fields);
}

void RunLog::scored(ScoreEvent event, const Counters& counters, std::span<const Scores> tasks) {
  if (event == ScoreEvent::curve) last_point_.assign(tasks.begin(), tasks.end());
  nlohmann::json fields = of_tasks_ ? fields_of_tasks(tasks) : score_fields(tasks.front());
  fields.update(line_start(to_text(event), counters));
  write(fields);
}

void RunLog::validated(const Counters& counters, const Candidate& candidate) {
  nlohmann::json fields = line_start("decision", counters);
  fields.update(
      {{"accuracy", candidate.accuracy}, {"loss", candidate.loss}, {"served", to_text(candidate.selected)}});
  write(fields);
}

void RunLog::save(checkpoint::RunState& state) {
  state.json()["log"] = {{"metrics", metrics_.position()},
                         {"trajectory", trajectory_.position()},
                         {"events", events_.position()}};
  if (!last_point_.empty()) state.json()["last_point"] = to_json(last_point_);
}

void RunLog::load(const checkpoint::RunState& state) {
  if (state.json().contains("last_point")) last_point_ = task_scores_from(state, "last_point");
  if (state.json().contains("scores"))  // the form of version 1
    last_point_ = {scores_from(state.fields("scores"))};
}

RunLog::Texts RunLog::read(const RunFolder& folder, const checkpoint::RunState& state) {
  const auto log = state.number<nlohmann::json>("log");
  try {
    return {CheckedLines::text_at(folder.file("metrics.jsonl"), log.at("metrics")),
            CheckedLines::text_at(folder.file("trajectory.jsonl"), log.at("trajectory"))};
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: log: {}", error.what());
  }
}

void RunLog::continue_after(const Texts& texts, const checkpoint::RunState& state) {
  metrics_.continue_after(texts.metrics);
  trajectory_.continue_after(texts.trajectory);
  const auto log = state.number<nlohmann::json>("log");
  events_.continue_after(log.value("events", nlohmann::json()), state.number<std::uint32_t>("steps"));
  // Written again as a whole: the table may be of a part of the run only, or of lines that were removed.
  if (writes_csv_) write_atomically(csv_path_, table_.text(texts.metrics));
}

nlohmann::json RunLog::line_start(std::string_view event, const Counters& counters) const {
  return {{"event", event},
          {"step", counters.steps},
          {"seconds", counters.seconds},
          {"passes", counters.passes(batch_)}};
}

}  // namespace zofo::llm
