// zofo score: log-probabilities of options, one JSON object a line.
#include <iostream>

#include "cli.hpp"
#include "zofo/tune/methods.hpp"
#include "zofo/tune/score.hpp"

namespace zofo::cli {
namespace {

int run(const std::string& model_file, const std::string& run_folder) {
  tune::Model model = tune::load_model(model_file);
  std::optional<tune::Restored> restored;
  if (!run_folder.empty()) restored.emplace(tune::restore(run_folder, model.parameters));
  model::Transformer transformer(model.parameters.config(),
                                 restored ? restored->lora : peft::Lora(model.parameters.config(), {}));
  std::size_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    write_out("{}\n", tune::score_line(model, transformer, restored ? restored->adapter() : nullptr, line,
                                       "stdin", number));
    flush_output();  // whoever asks line by line waits for it
  }
  return 0;
}

}  // namespace

void add_score(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("score", "Log-probabilities of options after a prompt");
  auto model = std::make_shared<std::string>();
  auto folder = std::make_shared<std::string>();
  command->add_option("--model", *model, "GGUF file of the model")->required();
  command->add_option("--run", *folder, "run folder of a fine-tuning of this model");
  command->footer(
      "Reads {\"prompt\": TEXT, \"options\": [TEXT, ...]} a line from standard input and prints\n"
      "{\"logprobs\": [...], \"tokens\": [...], \"best\": i}: sums of log-probabilities and numbers of "
      "tokens.\n"
      "Example: echo '{\"prompt\": \"A fine film. It was\", \"options\": [\" terrible\", \" great\"]}' | \\\n"
      "           zofo score --model model.gguf --run runs/sst2");
  command->callback([model, folder, &action] { action = [model, folder] { return run(*model, *folder); }; });
}

}  // namespace zofo::cli
