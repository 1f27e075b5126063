// zofo finetune: one method on one task, into a new run folder.
#include <nlohmann/json.hpp>

#include "cli.hpp"
#include "curves.hpp"
#include "zofo/tune/methods.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  Place place;
  std::string out;
  std::string config;
  bool json = false;
  tune::Options options;
};

// Options by the defaults, then the file, then the flags: `flags` already holds what the command line said,
// and its fields are taken where the line named them.
tune::Options merged(const CLI::App& command, const Arguments& arguments) {
  if (arguments.config.empty()) return arguments.options;
  tune::Options options;
  tune::read_toml(options, arguments.config);
  tune::for_each_option(options, [&]<class T>(const char* name, T& field, const char*) {
    if (command.get_option(flag_of(name))->count() == 0) return;
    tune::for_each_option(arguments.options, [&]<class U>(const char* other, const U& value, const char*) {
      if constexpr (std::is_same_v<T, U>)
        if (std::string_view(name) == other) field = value;
    });
  });
  return options;
}

void write_results(const tune::RunFolder& folder, const Arguments& arguments, const tune::Options& options,
                   const tune::MethodResult& result) {
  const nlohmann::json report = {{"model", arguments.place.model},
                                 {"task", arguments.place.task},
                                 {"seed", options.seed},
                                 {"methods", {to_json(result)}}};
  folder.write("result.json", report.dump(2) + "\n");
  folder.write("curve.svg", tune::curve_svg(fmt::format("{} on {}", options.method, arguments.place.task),
                                            {read_curve(title_of(options.method), folder.path())}));
}

int run(const Arguments& arguments, const tune::Options& options) {
  options.check();
  const tune::RunFolder folder(arguments.out);
  catch_interrupt();
  tune::Progress progress(title_of(options.method));
  try {
    tune::Model model = tune::load_model(arguments.place.model);
    const data::TaskData data =
        data::load_task(arguments.place.task, arguments.place.data_folder(), arguments.place.tasks);
    tune::FineTuning tuning(model, data, options, folder, progress, interrupted);
    const tune::MethodResult result = tuning.run();
    write_results(folder, arguments, options, result);
    if (result.interrupted) {
      progress.note(
          fmt::format("interrupted after step {}; {} holds the run so far", result.steps, arguments.out));
      return exit_interrupted;
    }
    folder.mark_done();
    if (arguments.json)
      write_out("{}\n", to_json(result).dump());
    else
      write_out(
          "{}: accuracy {:.3f}, macro-F1 {:.3f}, loss {:.3f} on {} rows ({} served); {:.1f} s, {} steps\n",
          title_of(options.method), result.scores.accuracy, result.scores.macro_f1, result.scores.loss,
          result.scores.rows, result.served, result.seconds, result.steps);
    return 0;
  } catch (...) {
    // A run that never began leaves nothing behind; the folder is this process's own, and only removed if
    // empty.
    std::error_code ignored;
    std::filesystem::remove(folder.path(), ignored);
    throw;
  }
}

}  // namespace

void add_finetune(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("finetune", "Fine-tune a model on a task");
  auto arguments = std::make_shared<Arguments>();
  add_place(*command, arguments->place);
  command->add_option("--out", arguments->out, "run folder to make; must not exist")->required();
  command->add_option("--config", arguments->config, "TOML file with options of the run; flags win");
  command->add_flag("--json", arguments->json, "print the result as one JSON object");
  arguments->options.seconds = 0.0;
  add_options(*command, arguments->options);
  command->footer(
      "Example: zofo finetune --model model.gguf --task sst2 --data ../shared/data --method bilevel \\\n"
      "           --seconds 150 --out runs/sst2\n"
      "The run folder holds options.toml (usable as --config), metrics.jsonl, trajectory.jsonl, "
      "adapter.bin,\n"
      "result.json, curve.svg and, when complete, done.");
  command->callback([command, arguments, &action] {
    action = [command, arguments] { return run(*arguments, merged(*command, *arguments)); };
  });
}

}  // namespace zofo::cli
