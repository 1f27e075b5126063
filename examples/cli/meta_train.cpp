// zofo meta-train: one backbone over many tasks, into a new run folder.
#include "meta_train.hpp"

#include "device.hpp"

namespace zofo::cli {
namespace {

int run(MetaTrain command) {
  command.options.check();
  const Device device = choose_device(command.options.device, command.options.precision);
  // The run's record says what "auto" came to.
  command.options.device = device == Device::cpu ? "cpu" : "cuda";
  command.options.precision = device == Device::cuda_bf16 ? "bf16" : "fp32";
  return on_device(device, command);
}

}  // namespace

void add_meta_train(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("meta-train", "Train one backbone over many tasks, an adapter pair a task");
  auto arguments = std::make_shared<MetaTrain>();
  command->add_option("--model", arguments->model, "GGUF file or Hugging Face folder of the model")
      ->required();
  command
      ->add_option("--tasks", arguments->tasks,
                   "the tasks, separated by commas: folders with task.toml, or names of definitions")
      ->delimiter(',')
      ->required();
  command->add_option("--data", arguments->data, "folder with NAME/train.jsonl and NAME/validation.jsonl");
  command->add_option("--definitions", arguments->definitions, "folder with the task definitions")
      ->capture_default_str();
  command->add_option("--out", arguments->out, "run folder to make; must not exist")->required();
  command->add_flag("--json", arguments->json, "print the result as one JSON object");
  tune::for_each_meta_option(arguments->options, [&]<class T>(const char* name, T& field, const char* help) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::string flag = flag_of(name);
      command->add_flag(flag + ",!--no-" + flag.substr(2), field, help)->group("Options of the run");
    } else {
      CLI::Option* option = command->add_option(flag_of(name), field, help);
      option->capture_default_str()->group("Options of the run");
      if constexpr (std::is_unsigned_v<T>) not_negative(option);
    }
  });
  command->footer(
      "Example: zofo meta-train --model model.gguf --tasks mr,emotion,tweet_irony --data ../shared/data \\\n"
      "           --steps 500 --out runs/meta\n"
      "The run folder holds options.toml, meta.json, metrics.jsonl, trajectory.jsonl, adapters/TASK (peft's\n"
      "format), result.json and, when complete, done. zofo adapt goes on from it.");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace zofo::cli
