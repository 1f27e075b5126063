// zofo evaluate: accuracy, macro-F1 and loss on a task's held-out rows.
#include <nlohmann/json.hpp>

#include "cli.hpp"
#include "zofo/tune/methods.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  Place place;
  std::string run;
  std::size_t rows = 0;
  bool json = false;
};

int run(const Arguments& arguments) {
  tune::Model model = tune::load_model(arguments.place.model);
  const data::TaskData data =
      data::load_task(arguments.place.task, arguments.place.data_folder(), arguments.place.tasks);
  std::optional<tune::Restored> restored;
  if (!arguments.run.empty()) restored.emplace(tune::restore(arguments.run, model.parameters));
  model::Transformer transformer(model.parameters.config(),
                                 restored ? restored->lora : peft::Lora(model.parameters.config(), {}));
  const tune::OptionTokens options = tune::encode_options(model, data.task.options);
  const std::vector<tune::EncodedRow> rows =
      tune::encode_rows(model, data.task, options, data.validation, arguments.rows, "validation.jsonl");
  const tune::Scores scores =
      tune::evaluate(transformer, model.parameters, restored ? restored->adapter() : nullptr, rows, options);
  if (arguments.json) {
    const nlohmann::json report = {{"accuracy", scores.accuracy}, {"macro_f1", scores.macro_f1},
                                   {"loss", scores.loss},         {"rows", scores.rows},
                                   {"seconds", scores.seconds},   {"peak_mib", tune::peak_mib()}};
    write_out("{}\n", report.dump());
  } else {
    write_out("accuracy {:.4f}\nmacro-F1 {:.4f}\nloss     {:.4f}\nrows     {}\n", scores.accuracy,
              scores.macro_f1, scores.loss, scores.rows);
  }
  return 0;
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("evaluate", "Accuracy, macro-F1 and loss on a task's validation rows");
  auto arguments = std::make_shared<Arguments>();
  add_place(*command, arguments->place);
  command->add_option("--run", arguments->run, "run folder of a fine-tuning of this model");
  not_negative(command->add_option("--rows", arguments->rows, "score the first rows only, 0: all")
                   ->capture_default_str());
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->footer(
      "Example: zofo evaluate --model model.gguf --task sst2 --data ../shared/data --run runs/sst2 --json");
  command->callback([arguments, &action] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace zofo::cli
