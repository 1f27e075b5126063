// zofo compare: several methods, seeds and tasks under one budget, in one table.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "cli.hpp"
#include "device.hpp"
#include "zofo/compare/comparison.hpp"
#include "zofo/compare/machine.hpp"
#include "zofo/compare/plan_file.hpp"
#include "zofo/compare/table.hpp"
#include "zofo/core/version.hpp"
#include "zofo/data/task.hpp"
#include "zofo/parse/file.hpp"

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

// A name that leads to the same file from any folder.
std::string whole(const std::string& path) { return fs::weakly_canonical(fs::absolute(path)).string(); }

// Threads of a run, where neither they nor the jobs are given: a run of a small model hardly gains from more.
constexpr std::size_t most_threads = 4;

// Fills in what was not given: threads and jobs share the cores.
compare::ComparisonSettings share_cores(const Arguments& arguments, bool jobs_given, bool threads_given,
                                        compare::Plan& plan) {
  require(!jobs_given || arguments.jobs >= 1, "jobs = 0: must be at least 1");
  require(!jobs_given || arguments.jobs <= 1024, "jobs = {}: must be at most 1024", arguments.jobs);
  require(!threads_given || arguments.threads >= 1, "threads = 0: must be at least 1");
  require(arguments.gpus.empty() || plan.device == llm::DeviceKind::cuda,
          "devices: GPUs, but device = \"{}\"", plan.device);
  const std::size_t cores = compare::usable_cores();
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
    fmt::print(stderr, "{} jobs of {} threads on {} cores: the runs will slow one another down\n",
               workers.jobs, plan.threads, cores);
  return workers;
}

// Names become what a run in any folder understands; the task's rows are read once, so that a wrong one is
// told before anything runs.
void settle_places(compare::Plan& plan) {
  require(fs::exists(plan.model), "model '{}': no such file or folder", plan.model);
  plan.model = whole(plan.model);
  if (fs::is_regular_file(plan.model)) plan.model_bytes = fs::file_size(plan.model);
  if (!plan.definitions.empty()) plan.definitions = whole(plan.definitions);
  if (!plan.data.empty()) plan.data = whole(plan.data);
  for (compare::TaskPlan& task : plan.tasks) {
    const bool folder = fs::exists(fs::path(task.place) / "task.toml");
    if (folder) task.place = whole(task.place);
    task.name = fs::path(task.place).filename().string();
    const auto data = plan.data.empty() ? std::nullopt : std::optional<fs::path>(plan.data);
    data::load_task(task.place, data, plan.definitions);
  }
}

extern "C" void as_interrupt(int) { std::raise(SIGINT); }

int run(const CLI::App& command, Arguments arguments) {
  const auto given = [&command](const char* flag) { return command.get_option(flag)->count() > 0; };
  bool jobs_given = given("--jobs"), threads_given = given("--threads");
  llm::Hints hints;
  compare::refuse_old_and_new(arguments.texts.settings);
  if (!arguments.config.empty()) compare::read_plan_file(arguments.config, arguments.texts, &hints);
  find_definitions("--definitions", arguments.texts.tasks, arguments.texts.definitions);
  compare::Plan plan = compare::make_plan(arguments.texts, &hints);
  print_hints(hints);
  require(!plan.model.empty(), "--model: must be given");
  plan.device = choose_device(plan.device, llm::Precision::automatic) == Device::cpu ? llm::DeviceKind::cpu
                                                                                     : llm::DeviceKind::cuda;
  settle_places(plan);
  const compare::ComparisonSettings workers = share_cores(arguments, jobs_given, threads_given, plan);
  plan.check();
  catch_interrupt();
  std::signal(SIGTERM, as_interrupt);
  compare::Comparison comparison(std::move(plan), workers);
  comparison.run();
  if (interrupted()) {
    fmt::print(stderr, "interrupted: {} of {} runs are finished; the same command goes on\n",
               comparison.finished(), comparison.size());
    return exit_interrupted;
  }
  if (arguments.json)
    write_out("{}", parse::read_file(comparison.json_file()));
  else
    write_out("{}", compare::table_text(comparison.rows()));
  flush_output();
  // The table and the JSON do not depend on Python; the page does.
  comparison.write_report();
  comparison.check_failures();
  return 0;
}

void add_plan(CLI::App& command, compare::PlanTexts& t) {
  command.add_option("--model", t.model, "GGUF file or Hugging Face folder of the model");
  command
      .add_option("--tasks", t.tasks, "folders with task.toml, or names of definitions, separated by commas")
      ->delimiter(',');
  command.add_option("--data", t.data, "folder with NAME/train.jsonl and NAME/validation.jsonl");
  add_definitions(command, "--definitions", t.definitions);
  command
      .add_option("--methods", t.methods,
                  "methods of finetune, separated by commas; LABEL=METHOD gives one a name of its own")
      ->delimiter(',');
  command.add_option("--seeds", t.seeds, "seeds, separated by commas")->delimiter(',');
  command.add_option("--max-seconds", t.seconds, "seconds of training of every run");
  command.add_option("--max-forward-passes", t.passes,
                     "or forward passes of every run, a gradient counts as two");
  not_negative(command.add_option("--max-eval-samples", t.rows,
                                  "validation examples scored, 0: all; lower it to score faster"));
  accept_old_flag(command, "--seconds", "--max-seconds", t.seconds);
  accept_old_flag(command, "--passes", "--max-forward-passes", t.passes);
  not_negative(accept_old_flag(command, "--rows", "--max-eval-samples", t.rows));
  command
      .add_option("--set", t.settings,
                  "METHOD.OPTION=VALUE, an option of finetune; OPTION=VALUE: for all methods")
      ->take_all();
  command.add_option("--device", t.device, "auto (a GPU if there is one), cpu or cuda");
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("compare", "Compare methods over tasks and seeds under one budget, in one table");
  auto a = std::make_shared<Arguments>();
  add_plan(*command, a->texts);
  command->add_option("--config", a->config,
                      "TOML file with the above and a table of options a method; flags win");
  command->add_option("--out", a->out, "folder to make, or to go on in")->required();
  not_negative(command->add_option("--jobs", a->jobs, "runs at once; as many as the cores hold"));
  not_negative(
      command->add_option("--threads", a->threads, "threads of a run on the CPU; the cores shared by jobs"));
  command->add_option("--devices", a->gpus, "GPUs used in rotation, as CUDA_VISIBLE_DEVICES names them")
      ->delimiter(',');
  command->add_flag("--json", a->json, "print compare.json instead of the table");
  command->footer(
      "The same command goes on with a comparison that was cut short. The folder holds TASK/METHOD/SEED,\n"
      "a run folder each, compare.json and report.html (docs/guide/compare.md).\n"
      "Example: zofo compare --model model.gguf --tasks sst2 --data ../shared/data --methods bilevel,lora "
      "\\\n"
      "           --seeds 0,1 --max-seconds 150 --out runs/compare");
  command->callback([command, a, &action] { action = [command, a] { return run(*command, *a); }; });
}

}  // namespace zofo::cli
