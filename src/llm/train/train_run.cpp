#include "zofo/train/train_run.hpp"

#include "zofo/train/impl/train_run.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/core/atomic_file.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/run/curve_svg.hpp"
#include "zofo/run/read_curve.hpp"

namespace zofo::llm::detail {

namespace {

std::string_view kind_name(data::Kind kind) {
  return kind == data::Kind::choice       ? "choice"
         : kind == data::Kind::candidates ? "candidates"
         : kind == data::Kind::text       ? "text"
                                          : "generate";
}

// Copies the definition and the held-out examples of a task into the run's folder; returns the folder's path
// in it. A task without a name of its own has that of its folder, so the copy's folder has the same.
std::string copy_task(const RunFolder& run, const data::TaskData& data, bool several) {
  if (data.definition.empty()) return "";
  const std::filesystem::path own = std::filesystem::absolute(data.definition).lexically_normal();
  // The names of several tasks differ, those of their folders may not.
  const std::string name = several ? data.task.name : own.parent_path().filename().string();
  const std::filesystem::path inside = std::filesystem::path("tasks") / name;
  std::filesystem::create_directories(run.file(inside.string()));
  write_atomically(run.path() / inside / "task.toml", parse::read_file(own));
  for (const std::filesystem::path& file : data.held_out_files)
    write_atomically(run.path() / inside / file.filename(), parse::read_file(file));
  return inside.string();
}

RunInfoTask info_of(const RunFolder& run, const data::TaskData& data, bool several) {
  const data::Task& task = data.task;
  return {task.name,          copy_task(run, data, several),
          task.template_name, std::string(kind_name(task.kind)),
          task.prompt.text(), task.choices,
          data.demonstrations};
}

}  // namespace

void record_run(const RunFolder& folder, const std::vector<RunTask>& tasks, const RunOptions& o,
                const RunSettings& settings, const std::string& model_hash) {
  if (settings.saved) return add_resumption(folder, settings.provenance);
  const std::string& model = settings.paths.model;
  RunInfo info{model.empty() ? "" : std::filesystem::absolute(model).lexically_normal().string(), model_hash};
  copy_start_adapter(o, folder.path());
  for (const RunTask& task : tasks) info.tasks.push_back(info_of(folder, *task.data, tasks.size() > 1));
  write_run_info(folder, info, settings.provenance,
                 {{"command", to_text(o.command)}, {"method", to_text(o.method)}, {"seed", o.seed}});
}

ResumeInfo resume_info_of(const Model& model, const RunOptions& o, const RunSettings& settings) {
  ResumeInfo resume_info{
      to_json(settings.paths), settings.paths.model, settings.saved, settings.from_step, {}};
  if (!settings.paths.model.empty())
    resume_info.theta_0 = [file = settings.paths.model] { return load_model(file).parameters; };
  else if (o.validates() && o.updates_backbone())
    resume_info.theta_0 = [copy = std::make_shared<const model::Parameters>(model.parameters.clone())] {
      return copy->clone();
    };
  return resume_info;
}

RunOptions with_epochs(RunOptions o, bool given, const std::vector<RunTask>& tasks, Progress& progress) {
  if (o.epochs == 0.0) return o;
  const double per_epoch = steps_per_epoch(o, tasks);
  set_schedule_end(o, per_epoch);
  std::size_t examples = 0;
  for (const RunTask& task : tasks) examples += task.examples.size();
  const std::string length = fmt::format("{} epochs of {} training examples, {} steps", o.epochs, examples,
                                         steps_of_epochs(o, per_epoch));
  progress.note(given ? length
                      : fmt::format("no budget is given: {} (--epochs, --max-steps, --max-seconds or "
                                    "--max-forward-passes sets another)",
                                    length));
  return o;
}

void write_results(const RunFolder& folder, const RunResult& result, const RunOptions& o,
                   const InputPaths& paths) {
  const std::string task =
      paths.tasks.size() == 1 ? paths.tasks.front() : fmt::format("{} tasks", result.tasks.size());
  nlohmann::json report = to_json(result);
  if (o.command == Command::finetune)
    report = {{"model", paths.model}, {"task", task}, {"seed", o.seed}, {"methods", {report}}};
  folder.write("result.json", parse::json_text(report, 2) + "\n");
  folder.write("curve.svg", curve_svg(fmt::format("{} on {}", o.method, task),
                                      {read_curve(std::string(info(o.method).title), folder.path())}));
}

}  // namespace zofo::llm::detail
