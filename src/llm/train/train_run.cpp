#include "zofo/train/train_run.hpp"

#include "zofo/train/impl/train_run.hpp"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/run/curve_svg.hpp"
#include "zofo/run/read_curve.hpp"

namespace zofo::llm::detail {

ResumeInfo resume_info_of(const Model& model, const RunOptions& o, const RunSettings& settings) {
  ResumeInfo resume_info{to_json(settings.paths), settings.paths.model, settings.saved, {}};
  if (!settings.paths.model.empty())
    resume_info.theta_0 = [file = settings.paths.model] { return load_model(file).parameters; };
  else if (o.early_stopping_patience > 0 && o.updates_backbone())
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
  folder.write("result.json", report.dump(2) + "\n");
  folder.write("curve.svg", curve_svg(fmt::format("{} on {}", o.method, task),
                                      {read_curve(std::string(info(o.method).title), folder.path())}));
}

}  // namespace zofo::llm::detail
