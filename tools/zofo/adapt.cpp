// zofo adapt: new tasks from a handful of examples.
#include "adapt.hpp"

#include "device.hpp"

namespace zofo::cli {
namespace {

int run(const Adapt& command) {
  command.check();
  llm::Options where;
  where.steps = 1;
  where.device = command.device;
  where.precision = command.precision;
  where.check();
  return on_device(choose_device(command.device, command.precision), command);
}

void add_rows(CLI::App& command, Adapt& a) {
  command
      .add_option("--task", a.tasks,
                  "the new task, or several separated by commas: folders with task.toml, or names of "
                  "definitions")
      ->delimiter(',')
      ->required();
  command.add_option("--data", a.data, "folder with NAME/train.jsonl and NAME/validation.jsonl");
  command.add_option("--definitions", a.definitions, "folder with the task definitions")
      ->capture_default_str();
  not_negative(command.add_option("--shots", a.shots, "training rows of each class; several by commas")
                   ->delimiter(','));
  not_negative(command.add_option("--examples", a.examples, "training rows in all; several by commas")
                   ->delimiter(','));
  not_negative(command
                   .add_option("--draws", a.options.draws,
                               "draws of the examples, trained side by side: seeds "
                               "seed, seed + 1, ...")
                   ->capture_default_str());
  not_negative(command.add_option("--seed", a.options.seed, "seed of the first draw")->capture_default_str());
  not_negative(
      command.add_option("--validation-rows", a.validation_rows, "score that many held-out rows, 0: all")
          ->capture_default_str());
  not_negative(command
                   .add_option("--max-tokens", a.max_tokens,
                               "keep the last tokens of longer prompts, 0: as the task says")
                   ->capture_default_str());
}

void add_training(CLI::App& command, Adapt& a) {
  command
      .add_option("--start", a.starts,
                  "where adapters start: zero (no change to the model), mean (of the run's adapters) or the "
                  "name of one of them; several by commas")
      ->delimiter(',')
      ->capture_default_str();
  command.add_flag("--in-context", a.in_context,
                   "train nothing: show the examples before every prompt, as many as fit");
  not_negative(command.add_option("--steps", a.options.steps, "adapter steps")->capture_default_str());
  command.add_option("--rate", a.options.rate, "learning rate (Adam), falling to 0 in a straight line")
      ->capture_default_str();
  command.add_option("--weight-decay", a.options.weight_decay, "decoupled weight decay (AdamW)")
      ->capture_default_str();
  not_negative(command.add_option("--batch", a.options.batch, "rows of a mini-batch")->capture_default_str());
  not_negative(command.add_option("--lora-rank", a.lora_rank, "rank of adapters that start at zero")
                   ->capture_default_str());
  command.add_option("--lora-alpha", a.lora_alpha, "their LoRA scale is alpha / rank")->capture_default_str();
  command.add_option("--lora-targets", a.lora_targets, "their projections: q,k,v,o,gate,up,down")
      ->capture_default_str();
}

}  // namespace

void add_adapt(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("adapt", "Adapt a model, or a meta-trained run, to a task by a few examples");
  auto arguments = std::make_shared<Adapt>();
  command->add_option("--model", arguments->model, "GGUF file or Hugging Face folder of the model")
      ->required();
  command->add_option("--run", arguments->run, "folder of a meta-trained run; without it the model itself");
  add_rows(*command, *arguments);
  add_training(*command, *arguments);
  command->add_option("--out", arguments->out, "folder to make for the adapter, in peft's format");
  command->add_flag("--json", arguments->json, "print one JSON object a draw");
  command->add_option("--device", arguments->device, "auto (a GPU if there is one), cpu or cuda")
      ->capture_default_str();
  command
      ->add_option("--precision", arguments->precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32")
      ->capture_default_str();
  command->footer(
      "Example: zofo adapt --model model.gguf --run runs/meta --task poem_sentiment --data ../shared/data "
      "\\\n"
      "           --shots 16 --start mean --out adapters/poem");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace zofo::cli
