#include "zofo/run/run_summary.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/run/metrics_formats.hpp"
#include "zofo/run/read_metrics.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_state.hpp"

namespace zofo::llm {

namespace {

namespace fs = std::filesystem;

bool has_file(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored);
}

// True if a process holds the lock that AppendFile takes. The lock is shared and given back at once; a run
// that starts in the same microseconds would be refused.
bool is_written(const fs::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait
  if (descriptor < 0) return false;
  const bool held = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(descriptor);
  return held;
}

HeldOut scores_of_line(const nlohmann::json& line) {
  return {.steps = steps_of(line),
          .seconds = number_of(line, "seconds"),
          .loss = number_of(line, "loss"),
          .accuracy = number_of(line, "accuracy"),
          .balanced_accuracy = number_of(line, "balanced_accuracy"),
          .f1 = number_of(line, "f1")};
}

// Reads metrics.jsonl. The training loss is F(θ, p) where the method has it, else that of its adapter.
class Metrics {
 public:
  explicit Metrics(RunSummary& run) : run_(run) {}

  void read() {
    const MetricsDamage damage =
        read_metrics(run_.folder / "metrics.jsonl", [this](const nlohmann::json& line) { take(line); });
    const bool upper = !upper_.empty();
    run_.training_loss = upper ? "upper" : inner_.empty() ? "" : "inner_s";
    for (const auto& [steps, seconds, loss] : upper ? upper_ : inner_) {
      run_.training.push_back({steps, loss});
      run_.training_time.push_back({seconds, loss});
    }
    if (damage.absent) run_.missing.emplace_back("metrics.jsonl is absent: no curves");
    if (damage.lines > 0)
      run_.missing.push_back(fmt::format("metrics.jsonl: {} {} damaged, the first is line {}", damage.lines,
                                         damage.lines == 1 ? "line is" : "lines are", damage.first_line));
    if (damage.cut_off) run_.missing.emplace_back("metrics.jsonl: its last line is cut off");
  }

 private:
  struct Loss {
    double steps, seconds, value;
  };

  void take(const nlohmann::json& line) {
    const auto later = [](double& number, double value) {
      if (std::isfinite(value)) number = value;
    };
    run_.steps = std::max(run_.steps, steps_of(line));
    later(run_.seconds, number_of(line, "seconds"));
    later(run_.passes, number_of(line, "passes"));
    later(run_.peak_mib, number_of(line, "peak_mib"));
    const auto event = line.at("event").get<std::string>();
    if (event == "step") {
      const auto steps = static_cast<double>(steps_of(line));
      const auto add = [&](std::vector<Loss>& list, const char* field) {
        const double loss = number_of(line, field);
        if (std::isfinite(loss)) list.push_back({steps, number_of(line, "seconds"), loss});
      };
      add(upper_, "upper");
      add(inner_, "inner_s");
    } else if (event == "curve") {
      run_.curve.push_back(scores_of_line(line));
    } else if (event == "final" || event == "after") {
      run_.result = scores_of_line(line);
    }
  }

  RunSummary& run_;
  std::vector<Loss> upper_, inner_;
};

// A text of a JSON object; empty where it has none.
std::string text_of(const nlohmann::json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

void take_result(RunSummary& run) {
  const fs::path file = run.folder / "result.json";
  if (!has_file(file)) {
    if (run.status != RunStatus::running)
      run.missing.emplace_back("result.json is absent: the run did not end");
    return;
  }
  try {
    const auto report = checkpoint::JsonFields::load(file);
    nlohmann::json result = report.object();
    run.model = text_of(result, "model");
    if (const std::string task = text_of(result, "task"); !task.empty()) run.tasks = {task};
    if (const auto list = result.find("tasks"); list != result.end() && list->is_array()) {
      run.tasks.clear();
      for (const nlohmann::json& task : *list)
        if (task.is_object()) run.tasks.push_back(text_of(task, "name"));
    }
    if (const auto methods = result.find("methods");
        methods != result.end() && methods->is_array() && !methods->empty() && (*methods)[0].is_object())
      result = nlohmann::json((*methods)[0]);
    if (run.method.empty()) run.method = text_of(result, "method");
    if (const double steps = number_of(result, "steps"); steps < static_cast<double>(run.steps))
      return run.missing.push_back(fmt::format(
                 "result.json is of step {:.0f}: the run was resumed and did not end again", steps)),
             void();
    const auto take = [&](const char* field, double& number) {
      if (const double value = number_of(result, field); std::isfinite(value)) number = value;
    };
    take("seconds", run.seconds);
    take("scoring_seconds", run.scoring_seconds);
    take("passes", run.passes);
    take("peak_mib", run.peak_mib);
    run.stopped_early = result.value("stopped_early", false);
    if (run.status == RunStatus::stopped && result.value("interrupted", false))
      run.status = RunStatus::interrupted;
  } catch (const std::exception& error) {
    run.missing.push_back(error.what());
  }
}

void take_options(RunSummary& run) {
  if (!has_file(run.folder / "options.toml"))
    return run.missing.emplace_back("options.toml is absent: method and options are unknown"), void();
  try {
    const RunOptions options = read_options(run.folder);
    run.command = to_text(options.command);
    run.method = to_text(options.method);
    run.adapter = to_text(options.adapter);
    run.seed = options.seed;
  } catch (const Error& error) {
    run.missing.push_back(error.what());
  }
}

// The model and the tasks of a run without result, from its saved state.
void take_place(RunSummary& run) {
  if (!run.model.empty() || !has_file(run.folder / state_file)) return;
  try {
    const nlohmann::json place = read_state(RunFolder::open(run.folder)).number<nlohmann::json>("place");
    run.model = text_of(place, "model");
    if (!run.tasks.empty()) return;
    if (const std::string task = text_of(place, "task"); !task.empty()) run.tasks = {task};
    if (const auto list = place.find("tasks"); list != place.end() && list->is_array())
      for (const nlohmann::json& task : *list)
        if (task.is_string()) run.tasks.push_back(task.get<std::string>());
  } catch (const Error& error) {
    run.missing.push_back(error.what());
  }
}

// Appends the run folders in `folder`. The folder of a demo has the files of a run and the runs of its
// methods inside: those are what it holds.
void find_runs(const fs::path& folder, int deeper, std::vector<fs::path>& found) {
  const bool is_run = is_run_folder(folder);
  const std::size_t before = found.size();
  std::vector<fs::path> inside;
  std::error_code unreadable;  // a folder that cannot be read has no runs to show
  for (fs::directory_iterator entry(folder, unreadable), end; deeper > 0 && !unreadable && entry != end;
       entry.increment(unreadable)) {
    std::error_code ignored;
    const bool real = entry->is_directory(ignored) && !entry->is_symlink(ignored);
    if (real && (!is_run || has_file(entry->path() / "metrics.jsonl"))) inside.push_back(entry->path());
  }
  std::ranges::sort(inside);
  for (const fs::path& each : inside) find_runs(each, deeper - 1, found);
  if (is_run && found.size() == before) found.push_back(folder);
}

}  // namespace

HeadlineMetric::HeadlineMetric(const HeldOut& scores) {
  const auto take = [&](const char* its_name, double HeldOut::* its_value) {
    if (more_is_better || !std::isfinite(scores.*its_value)) return;
    name = its_name;
    value = its_value;
    more_is_better = true;
  };
  take("accuracy", &HeldOut::accuracy);
  take("balanced_accuracy", &HeldOut::balanced_accuracy);
  take("f1", &HeldOut::f1);
}

std::optional<HeldOut> HeadlineMetric::best(const std::vector<HeldOut>& scores) const {
  std::optional<HeldOut> best;
  for (const HeldOut& each : scores) {
    if (!std::isfinite(each.*value)) continue;
    if (!best || (more_is_better ? each.*value > (*best).*value : each.*value < (*best).*value)) best = each;
  }
  return best;
}

std::vector<HeldOut> RunSummary::scores() const {
  if (curve.empty() && result) return {*result};
  return curve;
}

HeadlineMetric RunSummary::metric() const {
  const std::vector<HeldOut> list = scores();
  return HeadlineMetric(list.empty() ? HeldOut{} : list.back());
}

bool is_run_folder(const fs::path& folder) {
  return std::ranges::any_of(std::array{"options.toml", "metrics.jsonl", "trajectory.jsonl", "state.bin"},
                             [&](const char* name) { return has_file(folder / name); });
}

std::vector<fs::path> run_folders_in(const fs::path& folder) {
  constexpr int deepest = 4;
  std::error_code ignored;
  require(fs::is_directory(folder, ignored), "{}: no such folder", folder.string());
  std::vector<fs::path> found;
  find_runs(folder, deepest, found);
  require(!found.empty(), "{}: no run folder, and none inside: a run has options.toml and metrics.jsonl",
          folder.string());
  return found;
}

RunSummary read_summary(const fs::path& folder) {
  RunSummary run;
  run.folder = folder;
  if (has_file(folder / "done"))
    run.status = RunStatus::finished;
  else if (is_written(folder / "metrics.jsonl"))
    run.status = RunStatus::running;
  else if (has_file(folder / state_file))
    run.status = RunStatus::stopped;
  take_options(run);
  Metrics(run).read();
  take_result(run);
  take_place(run);
  if (run.command.empty())
    run.command = to_text(has_file(folder / RunDescription::file) ? Command::meta_train : Command::finetune);
  if (run.status == RunStatus::stopped || run.status == RunStatus::interrupted)
    run.missing.push_back(
        fmt::format("the run is not complete; to resume: zofo {} --resume {}", run.command, folder.string()));
  if (run.status == RunStatus::lost)
    run.missing.push_back(
        fmt::format("{} is absent: the run ended before its first state, and cannot be resumed", state_file));
  return run;
}

}  // namespace zofo::llm
