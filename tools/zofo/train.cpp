// zofo finetune and zofo meta-train: one training run, into a new folder or on from where a run stopped.
#include "train.hpp"

#include <cmath>
#include <memory>

#include "device.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/train/budget.hpp"

namespace zofo::cli {
namespace {

using llm::Command;

struct Arguments {
  Train run;
  std::string config;
  std::string resume;
};

// Options by the method, then the file, then the flags. An adapter names the method's sibling that has it,
// with that one's defaults.
llm::RunOptions merged(const CLI::App& command, const Arguments& arguments) {
  const llm::RunOptions& flags = arguments.run.options;
  const std::string text = arguments.config.empty() ? "" : parse::read_file(arguments.config);
  llm::Hints hints;
  const llm::RunOptions in_file = llm::options_from_toml(flags.command, text, arguments.config, &hints);
  print_hints(hints);
  const bool method_given = given(command, "--method");
  llm::Method method = method_given ? flags.method : in_file.method;
  llm::AdapterKind adapter = method_given ? llm::info(method).adapter : in_file.adapter;
  if (given(command, "--adapter")) adapter = flags.adapter;
  method = llm::sibling(method, adapter);
  llm::RunOptions options = llm::preset(flags.command, method);
  llm::parse_toml(options, text, arguments.config);
  take_flags(command, flags, options);
  options.method = method;
  options.adapter = adapter;
  return options;
}

// The run of a folder with the bounds that the command line gives it.
Train resumed(const CLI::App& command, const Arguments& arguments) {
  for (const char* flag : {"--out", "--config", "--memory-plan"})
    require(!given(command, flag),
            "{}: not with --resume, which continues in the run's folder with its options", flag);
  Train run = arguments.run;
  run.out = arguments.resume;
  const llm::RunFolder folder = llm::RunFolder::open(run.out);
  run.saved = llm::read_state(folder);
  const llm::RunOptions started = llm::options_of(*run.saved);
  require(started.command == run.options.command, "{}: the run was begun by zofo {}: resume it with the same",
          run.out, started.command);
  const std::filesystem::path file = folder.file("options.toml");
  llm::Hints hints;
  run.options = llm::options_from_toml(started.command, parse::read_file(file), file.string(), &hints);
  print_folder_hints(hints);
  take_flags(command, arguments.run.options, run.options);
  run.options.check();
  llm::check_changes(started, run.options, *run.saved);
  require(!folder.done() || llm::can_continue(run.options, *run.saved),
          "{}: the run is finished, after {} steps in {:.1f} s: raise --max-steps, --max-seconds or "
          "--early-stopping-patience, whichever ended it, to resume",
          run.out, run.saved->number<std::uint32_t>("steps"), run.saved->number<double>("seconds"));
  const bool one = started.command == Command::finetune;
  llm::InputPaths paths = llm::input_paths_from(run.saved->number<nlohmann::json>("place"));
  if (given(command, "--model")) paths.model = run.paths.model;
  if (given(command, one ? "--task" : "--tasks")) paths.tasks = run.paths.tasks;
  if (given(command, "--data")) paths.data = run.paths.data;
  if (given(command, one ? "--tasks" : "--definitions")) paths.definitions = run.paths.definitions;
  run.paths = paths;
  return run;
}

Train started(const CLI::App& command, const Arguments& arguments) {
  const bool one = arguments.run.options.command == Command::finetune;
  for (const char* flag : {"--model", one ? "--task" : "--tasks", "--out"})
    if (!given(command, flag)) throw CLI::RequiredError(flag);
  Train run = arguments.run;
  run.options = merged(command, arguments);
  run.options.check();
  return run;
}

int run(const CLI::App& command, const Arguments& arguments) {
  Train run = arguments.resume.empty() ? started(command, arguments) : resumed(command, arguments);
  const Device device = choose_device(run.options.device, run.options.precision);
  // The run's record says what "auto" came to.
  run.options.device = device == Device::cpu ? llm::DeviceKind::cpu : llm::DeviceKind::cuda;
  run.options.precision = device == Device::cuda_bf16 ? llm::Precision::bf16 : llm::Precision::fp32;
  run.options.check();  // a GPU has fewer directions and optimisers than the CPU
  return on_device(device, run, run.options.deterministic);
}

void add_common(CLI::App& command, Arguments& arguments) {
  command.add_option("--out", arguments.run.out, "run folder to make; must not exist");
  command.add_option(
      "--resume", arguments.resume,
      "run folder to resume, with its model, examples and options; --max-steps, --max-seconds, "
      "--max-forward-passes and --early-stopping-patience may be raised");
  command.add_option("--config", arguments.config, "TOML file with options of the run; flags win");
  command.add_flag("--json", arguments.run.json, "print the result as one JSON object");
  command.add_flag("--memory-plan", arguments.run.memory_plan,
                   "print what the run will hold in the GPU's memory, and stop");
  add_options(command, arguments.run.options);
}

void print_table(const llm::RunResult& result) {
  write_out("{:<24}{:>8}{:>10}{:>10}{:>12}{:>12}\n", "task", "rows", "loss", "balanced", "loss before",
            "bal. before");
  for (std::size_t i = 0; i < result.tasks.size(); ++i) {
    const llm::Scores& before = result.before[i];
    const llm::Scores& after = result.after[i];
    write_out("{:<24}{:>8}{:>10.3f}{:>10.3f}{:>12.3f}{:>12.3f}\n", result.tasks[i], after.examples, after.loss,
              after.balanced_accuracy, before.loss, before.balanced_accuracy);
  }
  write_out("{}: {} steps in {:.1f} s; mean loss {:.3f}, before {:.3f}; the backbone moved by {:.3f}\n",
            result.method, result.steps, result.seconds, llm::mean_loss(result.after),
            llm::mean_loss(result.before), result.update_norm);
}

void print_line(const llm::RunResult& result) {
  const llm::Scores scores = result.scores();
  std::string figures;
  if (!std::isnan(scores.accuracy))
    figures = fmt::format("accuracy {:.3f}, macro-F1 {:.3f}, ", scores.accuracy, scores.macro_f1);
  if (scores.answers)
    figures +=
        fmt::format("exact match {:.3f}, F1 {:.3f}, ", scores.answers->exact_match, scores.answers->f1);
  write_out("{}: {}loss {:.3f} on {} rows ({} served); {:.1f} s, {} steps\n", llm::info(result.method).title,
            figures, scores.loss, scores.examples, result.selected, result.seconds, result.steps);
}

std::shared_ptr<Arguments> arguments_of(Command command) {
  auto arguments = std::make_shared<Arguments>();
  arguments->run.options = llm::defaults(command);
  return arguments;
}

}  // namespace

void Train::print(const llm::RunResult& result) const {
  if (json) return write_out("{}\n", to_json(result).dump());
  if (options.command == Command::meta_train) return print_table(result);
  print_line(result);
}

void add_finetune(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("finetune", "Fine-tune a model on a task");
  auto arguments = arguments_of(Command::finetune);
  add_input_paths(*command, arguments->run.paths, false);
  add_common(*command, *arguments);
  command->footer(
      "The defaults are those of --method bilevel; zofo methods says what another method changes.\n"
      "Example: zofo finetune --model model.gguf --task sst2 --data ../shared/data --method bilevel \\\n"
      "           --max-seconds 150 --out runs/sst2\n"
      "The run folder holds options.toml (usable as --config), metrics.jsonl, trajectory.jsonl, adapter/ (as "
      "Hugging\n"
      "Face's peft stores it), served.json, result.json, curve.svg, state.bin (what --resume goes on from) "
      "and, "
      "when\ncomplete, done.");
  command->callback(
      [command, arguments, &action] { action = [command, arguments] { return run(*command, *arguments); }; });
}

void add_meta_train(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("meta-train", "Train one backbone over many tasks, an adapter pair a task");
  auto arguments = arguments_of(Command::meta_train);
  command->add_option("--model", arguments->run.paths.model,
                      "GGUF file or Hugging Face folder of the model");
  add_several_input_paths(*command, arguments->run.paths, "--tasks",
                     "the tasks, separated by commas: folders with task.toml, or names of definitions");
  add_common(*command, *arguments);
  command->footer(
      "The defaults are those of --method bilevel; zofo methods says what another method changes.\n"
      "Example: zofo meta-train --model model.gguf --tasks mr,emotion,tweet_irony --data ../shared/data \\\n"
      "           --max-steps 500 --out runs/meta\n"
      "The run folder holds options.toml (usable as --config), meta.json, metrics.jsonl, trajectory.jsonl,\n"
      "adapters/TASK (as Hugging Face's peft stores it), result.json, curve.svg, state.bin (what --resume "
      "goes "
      "on\nfrom) and, when complete, done. zofo adapt goes on from it.");
  command->callback(
      [command, arguments, &action] { action = [command, arguments] { return run(*command, *arguments); }; });
}

}  // namespace zofo::cli
