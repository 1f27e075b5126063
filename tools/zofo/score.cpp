// zofo score: log-probabilities of options after a prompt, for requests on standard input.
#include <memory>
#include <string>
#include <vector>

#include "cli.hpp"
#include "device_flags.hpp"
#include "run_flags.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/train/adapter_set.hpp"

namespace zofo::cli {
namespace {

struct Score {
  std::string model;
  RunFlags from;
  std::vector<std::string> adapters;  // NAME=FOLDER
  std::size_t max_prompt_tokens = 0;

  template <class Device>
  int on(Device& device) const {
    std::vector<llm::NamedFolder> named;
    for (const std::string& each : adapters) named.push_back(llm::named_folder(each));
    parse::LineSource lines(0, "stdin");
    return exit_of_lines(llm::score_lines(
        device, from.load(model), from.run, named, lines, max_prompt_tokens,
        [](const std::string& line) { write_text(line + "\n"); }, [] { flush_output(); }));
  }
};

}  // namespace

void add_score(CLI::App& app, Action& action) {
  const Subcommand command(app, "score", "Log-probabilities of answer choices after a prompt");
  auto arguments = std::make_shared<Score>();
  auto device = std::make_shared<DeviceFlags>();
  command.add("--model", arguments->model,
              "GGUF file or Hugging Face folder of the model; default: the run's");
  command.add("--run", arguments->from.run,
              "run folder of a fine-tuning of this model, or of a meta-training; its adapters have the names "
              "of their tasks");
  command.add("--adapter", arguments->adapters,
              "NAME=FOLDER: a LoRA, prefix or prompt adapter in peft's format, or GGUF file of a LoRA; as "
              "many as needed; without NAME: "
              "for requests that name none");
  command
      .add("--max-prompt-tokens", arguments->max_prompt_tokens,
           "longer prompts keep their last tokens only; 0: a prompt longer than the context is an error")
      .show_default();
  arguments->from.add_special(command);
  device->add(command);
  command.footer(
      "Reads one JSON object on each line of standard input: {\"prompt\": TEXT, \"options\": [TEXT, ...]}, "
      "and\n"
      "\"adapter\": NAME to select an adapter (requests for different adapters share a pass). Prints\n"
      "{\"logprobs\": [...], \"tokens\": [...], \"best\": i}: sums of log-probabilities and numbers of "
      "tokens.\n"
      "Other fields of a request, such as \"id\", come back in its answer. A line that cannot be answered "
      "gets\n"
      "{\"error\": TEXT} in its place. Exit code: 0 if every line was scored, 1 if some got an error.\n"
      "Example: echo '{\"prompt\": \"A fine film. It was\", \"options\": [\" terrible\", \" great\"]}' | \\\n"
      "           zofo score --model model.gguf --run runs/sst2");
  command.on_selection(action, [arguments, device] { return on_device(device->choose(), *arguments); });
}

}  // namespace zofo::cli
