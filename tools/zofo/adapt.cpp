// zofo adapt: new tasks from a handful of examples.
#include "adapt.hpp"

#include <memory>

#include "device.hpp"
#include "precision.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  Adapt adapt;
  Precision where;
  std::vector<std::size_t> shots, examples;
};

int run(const Arguments& arguments) {
  Adapt adapt = arguments.adapt;
  for (const std::size_t number : arguments.examples) adapt.request.counts.push_back({number, false});
  for (const std::size_t number : arguments.shots) adapt.request.counts.push_back({number, true});
  adapt.request.base_model = adapt.paths.model;
  adapt.request.check(adapt.paths.tasks.size());
  return on_device(arguments.where.choose(), adapt);
}

void add_rows(CLI::App& command, Arguments& a) {
  Adapt& adapt = a.adapt;
  add_several_input_paths(command, adapt.paths, "--task",
                     "the new task, or several separated by commas: folders with task.toml, or names of "
                     "definitions")
      ->required();
  not_negative(command.add_option("--shots", a.shots, "training rows of each class; several by commas")
                   ->delimiter(','));
  not_negative(command.add_option("--examples", a.examples, "training rows in all; several by commas")
                   ->delimiter(','));
  llm::AdaptOptions& options = adapt.request.options;
  not_negative(
      command
          .add_option(
              "--num-seeds", options.num_seeds,
              "samples of the examples, each with an adapter: seeds seed, seed + 1, ...; more: a surer mean")
          ->capture_default_str());
  not_negative(command.add_option("--seed", options.seed, "seed of the first draw")->capture_default_str());
  not_negative(command
                   .add_option("--max-eval-samples", adapt.request.max_eval_samples,
                               "validation examples scored, 0: all; lower it to score faster")
                   ->capture_default_str());
  not_negative(command
                   .add_option("--max-prompt-tokens", adapt.max_tokens,
                               "longer prompts keep their last tokens only; 0: as the task defines")
                   ->capture_default_str());
  not_negative(accept_old_flag(command, "--draws", "--num-seeds", options.num_seeds));
  not_negative(
      accept_old_flag(command, "--validation-rows", "--max-eval-samples", adapt.request.max_eval_samples));
  not_negative(accept_old_flag(command, "--max-tokens", "--max-prompt-tokens", adapt.max_tokens));
}

void add_training(CLI::App& command, llm::AdaptRequest& request) {
  command
      .add_option("--start", request.starts,
                  "where adapters start: zero (no change to the model), mean (of the run's adapters) or the "
                  "name of one of them; several by commas")
      ->delimiter(',')
      ->capture_default_str();
  command.add_flag("--in-context", request.in_context,
                   "train nothing: show the examples before every prompt, as many as fit");
  llm::AdaptOptions& options = request.options;
  not_negative(
      command
          .add_option("--max-steps", options.max_steps, "adapter steps; more: a closer fit to the examples")
          ->capture_default_str());
  command
      .add_option("--learning-rate", options.learning_rate,
                  "learning rate (Adam), falls linearly to 0; lower it if the loss jumps")
      ->capture_default_str();
  command
      .add_option("--weight-decay", options.weight_decay,
                  "decoupled weight decay (AdamW); raise it against overfitting")
      ->capture_default_str();
  not_negative(command
                   .add_option("--batch-size", options.batch_size,
                               "examples per mini-batch; larger: less noise, more time and memory")
                   ->capture_default_str());
  not_negative(command
                   .add_option("--lora-rank", request.lora_rank,
                               "rank of adapters that start at zero; larger: more capacity")
                   ->capture_default_str());
  command.add_option("--lora-alpha", request.lora_alpha, "their LoRA scale is alpha / rank")
      ->capture_default_str();
  command
      .add_option(
          "--lora-target-modules", request.lora_target_modules,
          "their modules, by commas: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj; short: q,v")
      ->capture_default_str();
  not_negative(accept_old_flag(command, "--steps", "--max-steps", options.max_steps));
  accept_old_flag(command, "--rate", "--learning-rate", options.learning_rate);
  not_negative(accept_old_flag(command, "--batch", "--batch-size", options.batch_size));
  accept_old_flag(command, "--lora-targets", "--lora-target-modules", request.lora_target_modules);
}

}  // namespace

void add_adapt(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("adapt", "Adapt a model, or a meta-trained run, to a task by a few examples");
  auto arguments = std::make_shared<Arguments>();
  command
      ->add_option("--model", arguments->adapt.paths.model, "GGUF file or Hugging Face folder of the model")
      ->required();
  command->add_option("--run", arguments->adapt.request.run,
                      "folder of a meta-trained run; without it the model itself");
  add_rows(*command, *arguments);
  add_training(*command, arguments->adapt.request);
  command->add_option("--out", arguments->adapt.request.out,
                      "folder to make for the adapter, in peft's format");
  command->add_flag("--json", arguments->adapt.json, "print one JSON object a draw");
  arguments->where.add(*command);
  command->footer(
      "Example: zofo adapt --model model.gguf --run runs/meta --task poem_sentiment --data ../shared/data "
      "\\\n"
      "           --shots 16 --start mean --out adapters/poem");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace zofo::cli
