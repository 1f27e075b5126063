// zofo evaluate: scores a model, or the result of a run, on the validation or test examples of a task.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli.hpp"
#include "device_flags.hpp"
#include "run_flags.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/data/metrics.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/load_tasks.hpp"

namespace zofo::cli {
namespace {

// Scores under one of the task's templates, or under all.
struct Evaluate {
  llm::InputPaths paths;
  RunFlags from;
  bool json = false;
  PromptFlags prompts;
  bool all_templates = false;
  std::size_t max_length = 0;
  std::string split = "validation";
  llm::EvaluateOptions options;

  template <class Device>
  int on(Device& device) const {
    static_cast<void>(from.model_path(paths.model));  // a missing model is the first error
    const std::vector<data::TaskData> tasks = load();
    llm::RunModel<Device> of(device, from.load(paths.model), from.parts());
    const std::vector<llm::Scores> scores = llm::evaluate(of, std::span(tasks), options);
    if (all_templates)
      print_all(tasks, scores, device.peak_mib());
    else
      print(tasks.front().task, scores.front(), device.peak_mib());
    return 0;
  }

 private:
  // The task under each requested template.
  [[nodiscard]] std::vector<data::TaskData> load() const {
    require(!all_templates || prompts.template_name.empty(),
            "--template and --all-templates: only one can be given");
    std::vector<data::TaskData> tasks{load(prompts)};
    for (const std::string& note : tasks.front().notes) fmt::print(stderr, "zofo: {}\n", note);
    if (!all_templates) return tasks;
    const std::vector<std::string> names = tasks.front().task.template_names;
    for (const std::string& name : std::span(names).subspan(1)) tasks.push_back(load(prompts.under(name)));
    return tasks;
  }
  [[nodiscard]] data::TaskData load(const PromptFlags& made) const {
    check_split(split);
    llm::TaskChoice chosen = llm::choose_task(paths, from.run);
    if (max_length > 0) chosen.max_length = max_length;
    data::TaskData data = made.load(chosen, split);
    llm::require_calibratable(data.task, options);
    return data;
  }

  // The metrics that the examples have; those of every choice task come first.
  [[nodiscard]] nlohmann::json report(const data::Task& task, const llm::Scores& scores, double peak) const;
  void print(const data::Task& task, const llm::Scores& scores, double peak) const;
  void print_all(const std::vector<data::TaskData>& tasks, const std::vector<llm::Scores>& scores,
                 double peak) const;
};

nlohmann::json Evaluate::report(const data::Task& task, const llm::Scores& scores, double peak) const {
  nlohmann::json out = {{"loss", scores.loss},
                        {"split", split},
                        {"rows", scores.examples},
                        {"seconds", scores.seconds},
                        {"peak_mib", peak}};
  if (task.kind == data::Kind::text) {
    out.update({{"perplexity", scores.perplexity()},
                {"answer_tokens", scores.answer_tokens},
                {"tokens_per_second", static_cast<double>(scores.tokens) / std::max(scores.seconds, 1e-9)}});
    return out;
  }
  if (task.kind != data::Kind::generate) {
    out["accuracy"] = scores.accuracy;
    if (task.fixed_labels()) out["macro_f1"] = scores.macro_f1;
  }
  if (scores.answers) {
    out["exact_match"] = scores.answers->exact_match;
    out["f1"] = scores.answers->f1;
  }
  out[std::string(data::name_of(task.metric))] = llm::figure(scores, task.metric);
  return out;
}

void Evaluate::print(const data::Task& task, const llm::Scores& scores, double peak) const {
  if (json) return write_text(report(task, scores, peak).dump() + "\n");
  if (task.kind == data::Kind::text) {
    write_out("loss       {:.4f}\nperplexity {:.4f}\n{} answer tokens of {} {} examples, {:.0f} tokens/s\n",
              scores.loss, scores.perplexity(), scores.answer_tokens, scores.examples, split,
              static_cast<double>(scores.tokens) / std::max(scores.seconds, 1e-9));
    return;
  }
  if (task.kind != data::Kind::generate) write_out("accuracy {:.4f}\n", scores.accuracy);
  if (task.fixed_labels()) write_out("macro-F1 {:.4f}\n", scores.macro_f1);
  if (task.metric == data::Metric::balanced_accuracy)
    write_out("balanced accuracy {:.4f}\n", scores.balanced_accuracy);
  if (scores.answers)
    write_out("exact match {:.4f}\nF1       {:.4f}\n", scores.answers->exact_match, scores.answers->f1);
  write_out("loss     {:.4f}\n{} examples {}\n", scores.loss, split, scores.examples);
}

void Evaluate::print_all(const std::vector<data::TaskData>& tasks, const std::vector<llm::Scores>& scores,
                         double peak) const {
  const data::Metric metric = tasks.front().task.metric;
  std::vector<double> figures;
  for (const llm::Scores& each : scores) figures.push_back(llm::figure(each, metric));
  const data::Summary summary = data::summary(figures);
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      list.push_back(report(tasks[i].task, scores[i], peak));
      list.back()["template"] = tasks[i].task.template_name;
    }
    const nlohmann::json out = {{"templates", list},     {"metric", data::name_of(metric)},
                                {"mean", summary.mean},  {"deviation", summary.standard_deviation},
                                {"lowest", summary.low}, {"highest", summary.high}};
    return write_text(out.dump() + "\n");
  }
  write_out("{:<16}{:>18}{:>9}\n", "template", data::name_of(metric), "loss");
  for (std::size_t i = 0; i < tasks.size(); ++i)
    write_out("{:<16}{:>18.4f}{:>9.4f}\n", tasks[i].task.template_name, figures[i], scores[i].loss);
  write_out("mean {:.4f}, standard deviation {:.4f}, range {:.4f} to {:.4f}, {} {} examples\n", summary.mean,
            summary.standard_deviation, summary.low, summary.high, scores.front().examples, split);
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  const Subcommand command(app, "evaluate", "Accuracy, F1 and loss on a task's validation or test examples");
  auto arguments = std::make_shared<Evaluate>();
  auto device = std::make_shared<DeviceFlags>();
  command.add_input_paths(arguments->paths, false);
  arguments->from.add(command);
  command
      .add("--max-eval-samples", arguments->options.max_eval_samples,
           "score only the first examples of the split; 0: all; lower it to score faster")
      .show_default();
  command.add_old("--rows", "--max-eval-samples", arguments->options.max_eval_samples);
  command
      .add("--split", arguments->split,
           "examples that are scored: validation or test (test.jsonl, test.csv or test.tsv)")
      .show_default();
  command.add("--json", arguments->json, "print one JSON object");
  arguments->prompts.add(command);
  command
      .add("--max-length", arguments->max_length,
           "rows of free text (kind text) are cut to so many tokens; 0: as the task or the run defines")
      .show_default();
  command.add("--all-templates", arguments->all_templates,
              "score under every template: each metric, their mean, standard deviation and range");
  command.add("--calibrate", arguments->options.calibrate,
              "subtract each choice's score under a content-free prompt (PMI_DC)");
  device->add(command);
  command.footer(
      "Example: zofo evaluate --model model.gguf --task sst2 --data DATA --run runs/sst2 --json\n"
      "Tasks and their templates: docs/guide/own-task.md");
  command.on_selection(action, [arguments, device] { return on_device(device->choose(), *arguments); });
}

}  // namespace zofo::cli
