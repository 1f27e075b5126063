// zofo evaluate and zofo score: what a model, or a run, says of rows.
#include "evaluate.hpp"

#include <memory>

#include "device.hpp"
#include "precision.hpp"
#include "score.hpp"

namespace zofo::cli {
namespace {

// What the rows have a figure of; those that every choice task has come first.
nlohmann::json report(const data::Task& task, const llm::Scores& scores, double peak) {
  nlohmann::json out = {
      {"loss", scores.loss}, {"rows", scores.examples}, {"seconds", scores.seconds}, {"peak_mib", peak}};
  if (task.kind != data::Kind::generate) {
    out["accuracy"] = scores.accuracy;
    out["macro_f1"] = scores.macro_f1;
  }
  if (scores.answers) {
    out["exact_match"] = scores.answers->exact_match;
    out["f1"] = scores.answers->f1;
  }
  out[std::string(data::name_of(task.metric))] = llm::figure(scores, task.metric);
  return out;
}

}  // namespace

void Evaluate::print(const data::Task& task, const llm::Scores& scores, double peak) const {
  if (json) return write_out("{}\n", report(task, scores, peak).dump());
  if (task.kind != data::Kind::generate)
    write_out("accuracy {:.4f}\nmacro-F1 {:.4f}\n", scores.accuracy, scores.macro_f1);
  if (task.metric == data::Metric::balanced_accuracy)
    write_out("balanced accuracy {:.4f}\n", scores.balanced_accuracy);
  if (scores.answers)
    write_out("exact match {:.4f}\nF1       {:.4f}\n", scores.answers->exact_match, scores.answers->f1);
  write_out("loss     {:.4f}\nrows     {}\n", scores.loss, scores.examples);
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
    return write_out("{}\n", out.dump());
  }
  write_out("{:<16}{:>18}{:>9}\n", "template", data::name_of(metric), "loss");
  for (std::size_t i = 0; i < tasks.size(); ++i)
    write_out("{:<16}{:>18.4f}{:>9.4f}\n", tasks[i].task.template_name, figures[i], scores[i].loss);
  write_out("mean {:.4f}, standard deviation {:.4f}, range {:.4f} to {:.4f}, {} rows\n", summary.mean,
            summary.standard_deviation, summary.low, summary.high, scores.front().examples);
}

void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("evaluate", "Accuracy, F1 and loss on a task's validation rows");
  auto arguments = std::make_shared<Evaluate>();
  auto where = std::make_shared<Precision>();
  add_input_paths(*command, arguments->paths);
  command->add_option("--run", arguments->run, "run folder of a fine-tuning of this model");
  not_negative(command
                   ->add_option("--max-eval-samples", arguments->options.max_eval_samples,
                                "score only the first validation examples; 0: all; lower it to score faster")
                   ->capture_default_str());
  not_negative(accept_old_flag(*command, "--rows", "--max-eval-samples", arguments->options.max_eval_samples));
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->add_option("--template", arguments->template_name,
                      "prompt template of the task; default: its first");
  command->add_flag("--all-templates", arguments->all_templates,
                    "score under every template: each figure, their mean, deviation and range");
  command->add_flag("--calibrate", arguments->options.calibrate,
                    "subtract each choice's score under a content-free prompt (PMI_DC)");
  not_negative(command
                   ->add_option("--demonstrations", arguments->demonstrations,
                                "solved training examples in front of every prompt; more: longer prompts")
                   ->capture_default_str());
  not_negative(
      command->add_option("--seed", arguments->seed, "seed that samples and orders the demonstrations")
          ->capture_default_str());
  where->add(*command);
  command->footer(
      "Example: zofo evaluate --model model.gguf --task sst2 --data ../shared/data --run runs/sst2 --json\n"
      "Tasks and their templates: docs/guide/own-task.md");
  command->callback(
      [arguments, where, &action] { action = [=] { return on_device(where->choose(), *arguments); }; });
}

void add_score(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("score", "Log-probabilities of options after a prompt");
  auto arguments = std::make_shared<Score>();
  auto where = std::make_shared<Precision>();
  command->add_option("--model", arguments->model, "GGUF file or Hugging Face folder of the model")
      ->required();
  command->add_option("--run", arguments->run,
                      "run folder of a fine-tuning of this model, or of a meta-training, whose adapters have "
                      "the names of their tasks");
  command->add_option("--adapter", arguments->adapters,
                      "NAME=FOLDER: a LoRA adapter in peft's format; as many as needed");
  where->add(*command);
  command->footer(
      "Reads {\"prompt\": TEXT, \"options\": [TEXT, ...]} a line from standard input, with \"adapter\": NAME "
      "if one\n"
      "is to answer (lines of different adapters share a pass), and prints\n"
      "{\"logprobs\": [...], \"tokens\": [...], \"best\": i}: sums of log-probabilities and numbers of "
      "tokens.\n"
      "Example: echo '{\"prompt\": \"A fine film. It was\", \"options\": [\" terrible\", \" great\"]}' | \\\n"
      "           zofo score --model model.gguf --run runs/sst2");
  command->callback(
      [arguments, where, &action] { action = [=] { return on_device(where->choose(), *arguments); }; });
}

}  // namespace zofo::cli
