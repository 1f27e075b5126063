// zofo compare: several methods, seeds and tasks with one budget, in one table.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "device/device.hpp"
#include "zofo/compare/comparison.hpp"
#include "zofo/compare/plan_file.hpp"
#include "zofo/compare/table.hpp"
#include "zofo/core/version.hpp"
#include "zofo/data/task.hpp"
#include "zofo/machine/host.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/data_folder.hpp"

namespace zofo::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  compare::PlanTexts texts;
  std::string config, out;
  std::uint64_t jobs = 0, threads = 0;  // 0: not given
  std::vector<std::string> gpus;
  bool json = false;
};

// The absolute path.
std::string absolute(const std::string& path) { return fs::weakly_canonical(fs::absolute(path)).string(); }

// Threads of a run if neither threads nor jobs are given: a run of a small model gains little from more.
constexpr std::size_t most_threads = 4;

// Chooses threads and jobs that are not given, so that they share the cores.
compare::ComparisonSettings share_cores(const Arguments& arguments, bool jobs_given, bool threads_given,
                                        compare::Plan& plan) {
  require(!jobs_given || arguments.jobs >= 1, "jobs = 0: must be at least 1");
  require(!jobs_given || arguments.jobs <= 1024, "jobs = {}: must be at most 1024", arguments.jobs);
  require(!threads_given || arguments.threads >= 1, "threads = 0: must be at least 1");
  require(arguments.gpus.empty() || plan.device == llm::DeviceKind::cuda,
          "devices: GPUs, but device = \"{}\"", plan.device);
  const std::size_t cores = machine::usable_cores();
  const std::size_t at_once = std::max<std::size_t>(1, arguments.gpus.size());
  compare::ComparisonSettings workers{arguments.out, "/proc/self/exe", ZOFO_VERSION_STRING,
                                      llm::find_data(llm::report_script).string()};
  workers.jobs = arguments.jobs;
  workers.gpus = arguments.gpus;
  workers.interrupted = interrupted;
  workers.report = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  plan.threads = arguments.threads;
  if (!threads_given)
    plan.threads =
        jobs_given ? std::max<std::size_t>(1, cores / arguments.jobs) : std::min(cores, most_threads);
  if (!jobs_given)
    workers.jobs =
        plan.device == llm::DeviceKind::cuda ? at_once : std::max<std::size_t>(1, cores / plan.threads);
  if (plan.device != llm::DeviceKind::cuda && workers.jobs * plan.threads > cores)
    fmt::print(stderr, "{} jobs of {} threads on {} cores: the runs share cores and will be slow\n",
               workers.jobs, plan.threads, cores);
  return workers;
}

// Makes paths absolute, for runs in any folder, and reads the tasks, so that errors in their files are
// reported before the first run.
void resolve_paths(compare::Plan& plan) {
  require(fs::exists(plan.model), "model '{}': no such file or folder", plan.model);
  plan.model = absolute(plan.model);
  if (fs::is_regular_file(plan.model)) plan.model_bytes = fs::file_size(plan.model);
  if (!plan.definitions.empty()) plan.definitions = absolute(plan.definitions);
  if (!plan.data.empty()) plan.data = absolute(plan.data);
  for (compare::TaskPlan& task : plan.tasks) {
    const bool folder = fs::exists(fs::path(task.place) / "task.toml");
    if (folder) task.place = absolute(task.place);
    task.name = fs::path(task.place).filename().string();
    const auto data = plan.data.empty() ? std::nullopt : std::optional<fs::path>(plan.data);
    data::load_task(task.place, data, plan.definitions);
  }
}

extern "C" void as_interrupt(int) { std::raise(SIGINT); }

int run(const Subcommand& command, Arguments arguments) {
  const bool jobs_given = command.given("--jobs"), threads_given = command.given("--threads");
  llm::Hints hints;
  compare::refuse_old_and_new(arguments.texts.settings);
  if (!arguments.config.empty()) compare::read_plan_file(arguments.config, arguments.texts, &hints);
  find_definitions("--definitions", arguments.texts.tasks, arguments.texts.definitions);
  compare::Plan plan = compare::make_plan(arguments.texts, &hints);
  print_hints(hints);
  require(!plan.model.empty(), "--model: must be given");
  plan.device = kind_of(choose_device(plan.device, llm::Precision::automatic));
  resolve_paths(plan);
  const compare::ComparisonSettings workers = share_cores(arguments, jobs_given, threads_given, plan);
  plan.check();
  catch_interrupt();
  std::signal(SIGTERM, as_interrupt);
  compare::Comparison comparison(std::move(plan), workers);
  comparison.run();
  if (interrupted()) {
    fmt::print(stderr, "interrupted: {} of {} runs are finished; the same command resumes\n",
               comparison.finished(), comparison.size());
    return exit_interrupted;
  }
  if (arguments.json)
    write_text(parse::read_file(comparison.json_file()));
  else
    write_text(compare::table_text(comparison.rows()));
  flush_output();
  // Only the HTML report needs Python, so it comes last.
  comparison.write_report();
  comparison.check_failures();
  return 0;
}

void add_plan(const Subcommand& command, compare::PlanTexts& texts) {
  command.add("--model", texts.model, "GGUF file or Hugging Face folder of the model");
  command.add("--tasks", texts.tasks, "folders with task.toml, or names of definitions, separated by commas")
      .separated_by_commas();
  command.add("--data", texts.data, "folder with NAME/train.jsonl and NAME/validation.jsonl (or .csv, .tsv)");
  command.add_definitions("--definitions", texts.definitions);
  command
      .add("--methods", texts.methods,
           "methods of finetune, separated by commas; LABEL=METHOD gives a method another name")
      .separated_by_commas();
  command.add("--seeds", texts.seeds, "seeds, separated by commas").separated_by_commas();
  command.add("--max-seconds", texts.seconds, "budget of each run: seconds of training");
  command.add("--max-forward-passes", texts.passes, "or: forward passes, a gradient counts as two");
  command.add("--epochs", texts.epochs, "or: passes over the training examples");
  command
      .add("--max-eval-samples", texts.rows, "validation examples scored, 0: all; lower it to score faster")
      .not_negative();
  command.add_old("--seconds", "--max-seconds", texts.seconds);
  command.add_old("--passes", "--max-forward-passes", texts.passes);
  command.add_old("--rows", "--max-eval-samples", texts.rows);
  command
      .add("--set", texts.settings,
           "METHOD.OPTION=VALUE, an option of finetune; OPTION=VALUE: for all methods")
      .take_all();
  command.add("--device", texts.device, "auto (a GPU if there is one), cpu or cuda");
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  const Subcommand command(app, "compare",
                           "Compare methods over tasks and seeds with equal budgets, in one table");
  auto arguments = std::make_shared<Arguments>();
  add_plan(command, arguments->texts);
  command.add("--config", arguments->config,
              "TOML file with the options above and a table of options for each method; flags override it");
  command.add("--out", arguments->out, "folder to make, or the folder of a comparison to resume").required();
  command.add("--jobs", arguments->jobs, "concurrent runs; default: as many as the cores allow");
  command.add("--threads", arguments->threads,
              "threads of a run on the CPU; default: the cores divided by jobs");
  command.add("--devices", arguments->gpus, "GPUs used in rotation, named as in CUDA_VISIBLE_DEVICES")
      .separated_by_commas();
  command.add("--json", arguments->json, "print compare.json instead of the table");
  command.footer(
      "The same command resumes an interrupted comparison. The folder contains a run folder TASK/METHOD/SEED "
      "for\n"
      "each run, compare.json and report.html (docs/guide/compare.md).\n"
      "Example: zofo compare --model model.gguf --tasks sst2 --data DATA --methods bilevel,lora "
      "\\\n"
      "           --seeds 0,1 --max-seconds 150 --out runs/compare");
  command.on_selection(action, [command, arguments] { return run(command, *arguments); });
}

}  // namespace zofo::cli
