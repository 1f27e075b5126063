// zofo meta-train: one backbone over many tasks, into a new run folder.
#include "meta_train.hpp"

#include "device.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  MetaTrain run;
  std::string resume;
};

// The run of a folder, with the bounds that the command line gives it.
MetaTrain resumed(const CLI::App& command, const Arguments& arguments) {
  require(!given(command, "--out"), "--out: not with --resume, which goes on in the run's folder");
  MetaTrain run = arguments.run;
  run.out = arguments.resume;
  const llm::RunFolder folder = llm::RunFolder::open(run.out);
  run.saved = llm::read_meta_state(folder);
  const llm::MetaTrainOptions begun = llm::meta_options_of(*run.saved);
  run.options = begun;
  take_flags(command, arguments.run.options, run.options);
  run.options.check();
  llm::check_meta_changes(begun, run.options, *run.saved);
  const checkpoint::JsonFields place = run.saved->fields("place");
  if (!given(command, "--model")) run.model = place.string("model");
  if (!given(command, "--data")) run.data = place.string("data");
  if (!given(command, "--definitions")) run.definitions = place.string("definitions");
  if (given(command, "--tasks")) return run;
  run.tasks.clear();
  for (const nlohmann::json& name : place.at("tasks")) {
    require(name.is_string(), "{}: field 'tasks': must hold strings", place.place());
    run.tasks.push_back(name.get<std::string>());
  }
  return run;
}

int run(const CLI::App& command, const Arguments& arguments) {
  MetaTrain run = arguments.run;
  if (!arguments.resume.empty()) {
    run = resumed(command, arguments);
  } else {
    for (const char* flag : {"--model", "--tasks", "--out"})
      if (!given(command, flag)) throw CLI::RequiredError(flag);
    run.options.check();
  }
  const Device device = choose_device(run.options.device, run.options.precision);
  // The run's record says what "auto" came to.
  run.options.device = device == Device::cpu ? "cpu" : "cuda";
  run.options.precision = device == Device::cuda_bf16 ? "bf16" : "fp32";
  run.options.check();  // a card has fewer directions and optimisers than the CPU
  return on_device(device, run);
}

}  // namespace

void add_meta_train(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("meta-train", "Train one backbone over many tasks, an adapter pair a task");
  auto arguments = std::make_shared<Arguments>();
  MetaTrain& run_of = arguments->run;
  command->add_option("--model", run_of.model, "GGUF file or Hugging Face folder of the model");
  command
      ->add_option("--tasks", run_of.tasks,
                   "the tasks, separated by commas: folders with task.toml, or names of definitions")
      ->delimiter(',');
  command->add_option("--data", run_of.data, "folder with NAME/train.jsonl and NAME/validation.jsonl");
  command->add_option("--definitions", run_of.definitions, "folder with the task definitions")
      ->capture_default_str();
  command->add_option("--out", run_of.out, "run folder to make; must not exist");
  command->add_option(
      "--resume", arguments->resume,
      "run folder to go on in, with its model, tasks and options; --steps and --seconds may be "
      "raised");
  command->add_flag("--json", run_of.json, "print the result as one JSON object");
  add_options(*command, run_of.options);
  command->footer(
      "Example: zofo meta-train --model model.gguf --tasks mr,emotion,tweet_irony --data ../shared/data \\\n"
      "           --steps 500 --out runs/meta\n"
      "The run folder holds options.toml, meta.json, metrics.jsonl, trajectory.jsonl, adapters/TASK (peft's\n"
      "format), result.json, state.bin (what --resume goes on from) and, when complete,\n"
      "done. zofo adapt goes on from it.");
  command->callback(
      [command, arguments, &action] { action = [command, arguments] { return run(*command, *arguments); }; });
}

}  // namespace zofo::cli
