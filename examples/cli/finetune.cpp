// zofo finetune: one method on one task, into a new run folder.
#include "finetune.hpp"

#include "device.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  Finetune run;
  std::string config;
};

// Options by the defaults, then the file, then the flags: `flags` already holds what the command line said,
// and its fields are taken where the line named them.
tune::Options merged(const CLI::App& command, const Arguments& arguments) {
  if (arguments.config.empty()) return arguments.run.options;
  tune::Options options;
  tune::read_toml(options, arguments.config);
  tune::for_each_option(options, [&]<class T>(const char* name, T& field, const char*) {
    if (command.get_option(flag_of(name))->count() == 0) return;
    tune::for_each_option(arguments.run.options,
                          [&]<class U>(const char* other, const U& value, const char*) {
                            if constexpr (std::is_same_v<T, U>)
                              if (std::string_view(name) == other) field = value;
                          });
  });
  return options;
}

int run(const CLI::App& command, const Arguments& arguments) {
  Finetune run = arguments.run;
  run.options = merged(command, arguments);
  run.options.check();
  const Device device = choose_device(run.options.device, run.options.precision);
  // The run's record says what "auto" came to.
  run.options.device = device == Device::cpu ? "cpu" : "cuda";
  run.options.precision = device == Device::cuda_bf16 ? "bf16" : "fp32";
  return on_device(device, run);
}

}  // namespace

void add_finetune(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("finetune", "Fine-tune a model on a task");
  auto arguments = std::make_shared<Arguments>();
  add_place(*command, arguments->run.place);
  command->add_option("--out", arguments->run.out, "run folder to make; must not exist")->required();
  command->add_option("--config", arguments->config, "TOML file with options of the run; flags win");
  command->add_flag("--json", arguments->run.json, "print the result as one JSON object");
  command->add_flag("--memory-plan", arguments->run.memory_plan,
                    "print what the run will hold in the card's memory, and stop");
  arguments->run.options.seconds = 0.0;
  add_options(*command, arguments->run.options);
  command->footer(
      "Example: zofo finetune --model model.gguf --task sst2 --data ../shared/data --method bilevel \\\n"
      "           --seconds 150 --out runs/sst2\n"
      "The run folder holds options.toml (usable as --config), metrics.jsonl, trajectory.jsonl, "
      "adapter.bin,\n"
      "result.json, curve.svg and, when complete, done.");
  command->callback(
      [command, arguments, &action] { action = [command, arguments] { return run(*command, *arguments); }; });
}

}  // namespace zofo::cli
