// zofo evaluate and zofo score: what a model, or a run, says of rows.
#include "evaluate.hpp"
#include "device.hpp"
#include "precision.hpp"
#include "score.hpp"

namespace zofo::cli {
void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("evaluate", "Accuracy, F1 and loss on a task's validation rows");
  auto arguments = std::make_shared<Evaluate>();
  auto where = std::make_shared<Precision>();
  add_place(*command, arguments->place);
  command->add_option("--run", arguments->run, "run folder of a fine-tuning of this model");
  not_negative(command->add_option("--rows", arguments->rows, "score the first rows only, 0: all")
                   ->capture_default_str());
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->add_option("--template", arguments->template_name,
                      "which of the task's templates words the prompts");
  command->add_flag("--all-templates", arguments->all_templates,
                    "score under every template: each figure, their mean, deviation and range");
  command->add_flag("--calibrate", arguments->calibrate,
                    "take off what each option scores after a prompt without the row");
  not_negative(command
                   ->add_option("--demonstrations", arguments->demonstrations,
                                "solved training rows put before every prompt")
                   ->capture_default_str());
  not_negative(command->add_option("--seed", arguments->seed, "seed that draws and orders the demonstrations")
                   ->capture_default_str());
  where->add(*command);
  command->footer(
      "Example: zofo evaluate --model model.gguf --task sst2 --data ../shared/data --run runs/sst2 --json\n"
      "Tasks and their templates: docs/tasks.md");
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
