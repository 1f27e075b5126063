// zofo finetune: one method on one task, into a new run folder or on from where a run stopped.
#include "finetune.hpp"

#include "device.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/train/budget.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  Finetune run;
  std::string config;
  std::string resume;
};

// Options by the method, then the file, then the flags.
llm::Options merged(const CLI::App& command, const Arguments& arguments) {
  llm::Options in_file;
  in_file.adapter.clear();
  if (!arguments.config.empty()) llm::read_toml(in_file, arguments.config);
  const bool method_given = given(command, "--method");
  std::string method = method_given ? arguments.run.options.method : in_file.method;
  std::string adapter = method_given ? "" : in_file.adapter;
  if (given(command, "--adapter")) adapter = arguments.run.options.adapter;
  // An adapter names the method's sibling that has it, with that one's defaults.
  if (!adapter.empty()) method = llm::sibling(method, adapter).name;
  llm::Options options = llm::preset(method);
  if (!arguments.config.empty()) llm::read_toml(options, arguments.config);
  take_flags(command, arguments.run.options, options);
  options.method = method;
  options.adapter = llm::method_named(method).adapter;
  return options;
}

// The run of a folder with the bounds that the command line gives it.
Finetune resumed(const CLI::App& command, const Arguments& arguments) {
  for (const char* flag : {"--out", "--config", "--memory-plan"})
    require(!given(command, flag),
            "{}: not with --resume, which goes on in the run's folder with its options", flag);
  Finetune run = arguments.run;
  run.out = arguments.resume;
  const llm::RunFolder folder = llm::RunFolder::open(run.out);
  run.saved = llm::read_state(folder);
  const llm::Options begun = llm::options_of(*run.saved);
  run.options = llm::read_options(folder.path());
  take_flags(command, arguments.run.options, run.options);
  run.options.check();
  llm::check_changes(begun, run.options, *run.saved);
  require(!folder.done() || llm::goes_on(run.options, *run.saved),
          "{}: the run is finished, after {} steps in {:.1f} s: raise --steps, --seconds or --patience, "
          "whichever ended it, to go on",
          run.out, run.saved->number<std::uint32_t>("steps"), run.saved->number<double>("seconds"));
  Place place = place_from_json(run.saved->number<nlohmann::json>("place"));
  if (given(command, "--model")) place.model = run.place.model;
  if (given(command, "--task")) place.task = run.place.task;
  if (given(command, "--data")) place.data = run.place.data;
  if (given(command, "--tasks")) place.tasks = run.place.tasks;
  run.place = place;
  return run;
}

Finetune begun(const CLI::App& command, const Arguments& arguments) {
  for (const char* flag : {"--model", "--task", "--out"})
    if (!given(command, flag)) throw CLI::RequiredError(flag);
  Finetune run = arguments.run;
  run.options = merged(command, arguments);
  run.options.check();
  return run;
}

int run(const CLI::App& command, const Arguments& arguments) {
  Finetune run = arguments.resume.empty() ? begun(command, arguments) : resumed(command, arguments);
  const Device device = choose_device(run.options.device, run.options.precision);
  // The run's record says what "auto" came to.
  run.options.device = device == Device::cpu ? "cpu" : "cuda";
  run.options.precision = device == Device::cuda_bf16 ? "bf16" : "fp32";
  run.options.check();
  return on_device(device, run);
}

}  // namespace

void add_finetune(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("finetune", "Fine-tune a model on a task");
  auto arguments = std::make_shared<Arguments>();
  add_place(*command, arguments->run.place, false);
  command->add_option("--out", arguments->run.out, "run folder to make; must not exist");
  command->add_option("--resume", arguments->resume,
                      "run folder to go on in, with its model, rows and options; --steps, --seconds and "
                      "--patience may be raised");
  command->add_option("--config", arguments->config, "TOML file with options of the run; flags win");
  command->add_flag("--json", arguments->run.json, "print the result as one JSON object");
  command->add_flag("--memory-plan", arguments->run.memory_plan,
                    "print what the run will hold in the card's memory, and stop");
  add_options(*command, arguments->run.options);
  command->footer(
      "The defaults are those of --method bilevel; zofo methods says what another method changes.\n"
      "Example: zofo finetune --model model.gguf --task sst2 --data ../shared/data --method bilevel \\\n"
      "           --seconds 150 --out runs/sst2\n"
      "The run folder holds options.toml (usable as --config), metrics.jsonl, trajectory.jsonl, adapter/ (as "
      "Hugging\n"
      "Face's peft stores it), served.json, result.json, curve.svg, state.bin (what --resume goes on from) "
      "and, "
      "when\ncomplete, done.");
  command->callback(
      [command, arguments, &action] { action = [command, arguments] { return run(*command, *arguments); }; });
}

}  // namespace zofo::cli
