// zofo finetune and zofo meta-train: a training run in a new folder, or the resumption of one.
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "device/device.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/compare/machine.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_result.hpp"
#include "zofo/run/task_scores.hpp"
#include "zofo/train/adapter_checkpoints.hpp"
#include "zofo/train/budget.hpp"
#include "zofo/train/load_tasks.hpp"
#include "zofo/train/progress.hpp"
#include "zofo/train/start_adapter.hpp"
#include "zofo/train/train_run.hpp"

namespace zofo::cli {
namespace {

// A run of either command.
struct Train {
  llm::InputPaths paths;
  std::string out;
  bool json = false;
  bool memory_plan = false;     // print the memory that the run needs on the GPU, and stop
  bool quiet = false;           // print only errors and the result
  std::uint32_t log_every = 0;  // steps between lines of progress; 0: by time
  llm::RunOptions options;
  std::optional<checkpoint::RunState> saved;  // the state of the run in `out`, to resume it
  std::optional<std::uint32_t> from_step;     // of the checkpoint whose state it is

  // Returns the exit code.
  template <class Device>
  int on(Device& device) const {
    if (!saved) llm::RunFolder::require_new(out);
    catch_interrupt();
    llm::Progress progress(std::string(llm::info(options.method).title), quiet ? nullptr : stderr,
                           {.steps = log_every});
    llm::Model model = llm::load_model(paths.model);
    std::vector<data::TaskData> tasks = llm::load_tasks(paths, options);
    llm::Provenance from = provenance();
    from.machine = compare::machine().dump();
    const llm::RunSettings settings{out, paths, &progress, interrupted, saved, from_step, std::move(from)};
    if (memory_plan) {
      write_out("{}", llm::memory_plan(device, model, std::move(tasks), options, settings));
      return 0;
    }
    const llm::RunResult result = llm::train_run(device, model, std::move(tasks), options, settings);
    if (result.interrupted) {
      llm::Progress always{std::string(llm::info(options.method).title)};  // --quiet prints it too
      (quiet ? always : progress)
          .note(fmt::format("interrupted after step {}; to resume: zofo {} --resume {}", result.steps,
                            options.command, out));
      return exit_interrupted;
    }
    print(result);
    return 0;
  }

 private:
  void print(const llm::RunResult& result) const;
};

using llm::Command;

struct Arguments {
  Train run;
  std::string config;
  std::string resume;
  std::uint32_t from_step = 0;
};

// The defaults of the method, then the file, then the flags. An adapter selects the method of the family that
// has it.
llm::RunOptions merged(const Subcommand& command, const Arguments& arguments) {
  const llm::RunOptions& flags = arguments.run.options;
  const std::string text = arguments.config.empty() ? "" : parse::read_file(arguments.config);
  llm::Hints hints;
  const llm::RunOptions in_file = llm::options_from_toml(flags.command, text, arguments.config, &hints);
  if (!arguments.run.quiet) print_hints(hints);
  const bool method_given = command.given("--method");
  llm::Method method = method_given ? flags.method : in_file.method;
  llm::AdapterKind adapter = method_given ? llm::info(method).adapter : in_file.adapter;
  if (command.given("--adapter")) adapter = flags.adapter;
  const std::string& start = command.given("--start-adapter") ? flags.start_adapter : in_file.start_adapter;
  if (!start.empty() && !command.given("--adapter")) adapter = llm::adapter_kind(start);
  method = llm::sibling(method, adapter);
  llm::RunOptions options = llm::preset(flags.command, method);
  llm::parse_toml(options, text, arguments.config);
  command.take_flags(flags, options);
  options.method = method;
  options.adapter = adapter;
  return options;
}

// The run in a folder, with the limits of the command line.
Train resumed(const Subcommand& command, const Arguments& arguments) {
  for (const char* flag : {"--out", "--config", "--memory-plan"})
    require(!command.given(flag),
            "{}: not with --resume, which continues in the run's folder with its options", flag);
  Train run = arguments.run;
  run.out = arguments.resume;
  const llm::RunFolder folder = llm::RunFolder::open(run.out);
  if (command.given("--from-step")) run.from_step = arguments.from_step;
  run.saved = run.from_step ? llm::read_checkpoint(folder, *run.from_step) : llm::read_state(folder);
  const llm::RunOptions started = llm::options_of(*run.saved);
  require(started.command == run.options.command,
          "{}: the run was started by zofo {}: resume it with the same command", run.out, started.command);
  const std::filesystem::path file = folder.file("options.toml");
  llm::Hints hints;
  run.options = llm::options_from_toml(started.command, parse::read_file(file), file.string(), &hints);
  if (!run.quiet) print_folder_hints(hints);
  command.take_flags(arguments.run.options, run.options);
  llm::check_resume(folder, started, run.options, *run.saved,
                    fmt::format(", for example to {}", llm::raised_limits(run.options)));
  const bool one = started.command == Command::finetune;
  llm::InputPaths paths = llm::input_paths_from(run.saved->number<nlohmann::json>("place"));
  if (command.given("--model")) paths.model = run.paths.model;
  if (command.given(one ? "--task" : "--tasks")) paths.tasks = run.paths.tasks;
  if (command.given("--data")) paths.data = run.paths.data;
  if (command.given(one ? "--tasks" : "--definitions")) paths.definitions = run.paths.definitions;
  run.paths = paths;
  return run;
}

Train started(const Subcommand& command, const Arguments& arguments) {
  const bool one = arguments.run.options.command == Command::finetune;
  for (const char* flag : {"--model", "--out"}) command.require_given(flag);
  if (arguments.run.paths.tasks.empty()) command.require_given(one ? "--task" : "--tasks");
  require(!command.given("--from-step"), "--from-step: only with --resume");
  Train run = arguments.run;
  run.options = merged(command, arguments);
  llm::with_default_budget(run.options).check();
  return run;
}

int run(const Subcommand& command, const Arguments& arguments) {
  require(!arguments.run.quiet || arguments.run.log_every == 0,
          "--quiet and --log-every {}: only one can be given", arguments.run.log_every);
  Train run = arguments.resume.empty() ? started(command, arguments) : resumed(command, arguments);
  const Device device = choose_device(run.options);
  return on_device(device, run, run.options.deterministic);
}

void print_table(const llm::RunResult& result) {
  write_out("{:<24}{:>9}{:>10}{:>10}{:>12}{:>12}\n", "task", "examples", "loss", "balanced", "loss before",
            "bal. before");
  for (std::size_t i = 0; i < result.tasks.size(); ++i) {
    const llm::Scores& before = result.before[i];
    const llm::Scores& after = result.after[i];
    write_out("{:<24}{:>9}{:>10.3f}{:>10.3f}{:>12.3f}{:>12.3f}\n", result.tasks[i], after.examples,
              after.loss, after.balanced_accuracy, before.loss, before.balanced_accuracy);
  }
  write_out(
      "{}: {} steps, {:.1f} s of training, {:.1f} s of scoring; mean loss {:.3f}, before {:.3f}; norm of the "
      "backbone's update {:.3f}\n",
      result.method, result.steps, result.seconds, result.scoring_seconds, llm::mean_loss(result.after),
      llm::mean_loss(result.before), result.update_norm);
}

void print_line(const llm::RunResult& result) {
  const llm::Scores scores = result.scores();
  std::string figures;
  if (!std::isnan(scores.accuracy)) figures = fmt::format("accuracy {:.3f}, ", scores.accuracy);
  if (!std::isnan(scores.macro_f1)) figures += fmt::format("macro-F1 {:.3f}, ", scores.macro_f1);
  if (scores.answers)
    figures +=
        fmt::format("exact match {:.3f}, F1 {:.3f}, ", scores.answers->exact_match, scores.answers->f1);
  if (scores.answer_tokens > 0)
    figures += fmt::format("perplexity {:.3f}, {:.0f} tokens/s, ", scores.perplexity(),
                           static_cast<double>(scores.tokens) / std::max(scores.seconds, 1e-9));
  write_out(
      "{}: {}loss {:.3f} on {} validation examples ({} selected); {} steps, {:.1f} s of training, {:.1f} s "
      "of "
      "scoring\n",
      llm::info(result.method).title, figures, scores.loss, scores.examples, result.selected, result.steps,
      result.seconds, result.scoring_seconds);
  write_out("selected: {}\n", result.selection);
}

void Train::print(const llm::RunResult& result) const {
  if (json) return write_text(parse::json_text(to_json(result)) + "\n");
  if (options.command == Command::meta_train) return print_table(result);
  print_line(result);
}

void add_common(const Subcommand& command, Arguments& arguments) {
  command.add("--out", arguments.run.out, "run folder to make; must not exist");
  command
      .add("--resume", arguments.resume,
           "run folder to resume, with its model, examples and options; --epochs, --max-steps, "
           "--max-seconds, --max-forward-passes and --early-stopping-patience may be raised")
      .not_empty();
  command.add(
      "--from-step", arguments.from_step,
      "with --resume: continue from the checkpoint of this step (--keep-checkpoints); what came after it is "
      "discarded");
  command.add("--config", arguments.config, "TOML file with options of the run; flags override it");
  command.add("--json", arguments.run.json, "print the result as one JSON object");
  command.add("--quiet", arguments.run.quiet, "print only errors and the result");
  command.add("--log-every", arguments.run.log_every,
              "print a line of progress after every so many steps; 0: every 15 seconds, and on a terminal "
              "one line that changes");
  command.add("--memory-plan", arguments.run.memory_plan,
              "print the memory that the run needs on the GPU, and stop");
  command.add_options(arguments.run.options);
}

std::shared_ptr<Arguments> arguments_of(Command command) {
  auto arguments = std::make_shared<Arguments>();
  arguments->run.options = llm::preset(command, llm::defaults(command).method);
  return arguments;
}

}  // namespace

void add_finetune(CLI::App& app, Action& action) {
  const Subcommand command(app, "finetune", "Fine-tune a model on a task");
  auto arguments = arguments_of(Command::finetune);
  command.add_input_paths(arguments->run.paths, false);
  add_common(command, *arguments);
  command.footer(
      "The defaults are those of --method bilevel; zofo methods lists the changes that other methods make.\n"
      "Example: zofo finetune --model model.gguf --task sst2 --data DATA --method bilevel \\\n"
      "           --max-seconds 150 --out runs/sst2\n"
      "The run folder contains options.toml (usable as --config), metrics.jsonl, trajectory.jsonl, "
      "TensorBoard's\n"
      "event files, adapter/ (in the format of Hugging Face's peft), served.json, result.json, curve.svg, "
      "state.bin\n"
      "(for --resume) and, when the run is complete, done. zofo show FOLDER shows it, during the run too.");
  command.on_selection(action, [command, arguments] { return run(command, *arguments); });
}

void add_meta_train(CLI::App& app, Action& action) {
  const Subcommand command(app, "meta-train",
                           "Train one backbone over many tasks, with a pair of adapters per task");
  auto arguments = arguments_of(Command::meta_train);
  command.add("--model", arguments->run.paths.model, "GGUF file or Hugging Face folder of the model");
  command.add_several_input_paths(
      arguments->run.paths, "--tasks",
      "the tasks, separated by commas: folders with task.toml, or names of definitions");
  add_common(command, *arguments);
  command.footer(
      "The defaults are those of --method bilevel; zofo methods lists the changes that other methods make.\n"
      "Example: zofo meta-train --model model.gguf --tasks mr,emotion,tweet_irony --data DATA \\\n"
      "           --max-steps 500 --out runs/meta\n"
      "The run folder contains options.toml (usable as --config), meta.json, metrics.jsonl, "
      "trajectory.jsonl,\n"
      "TensorBoard's event files, adapters/TASK (in the format of Hugging Face's peft), result.json, "
      "curve.svg,\n"
      "state.bin (for --resume) and, when the run is complete, done. zofo show FOLDER shows it, during the "
      "run too.\n"
      "Adapt the result to a new task: zofo adapt --run FOLDER");
  command.on_selection(action, [command, arguments] { return run(command, *arguments); });
}

}  // namespace zofo::cli
