// zofo generate: the text that a model, or the result of a run, generates after prompts.
#include <unistd.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli.hpp"
#include "conversation.hpp"
#include "device_flags.hpp"
#include "run_flags.hpp"
#include "streamed_text.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/train/generate_sequences.hpp"

namespace zofo::cli {
namespace {

// Prompts of the command line result in texts; a single text is printed during its generation. Prompts on
// standard input, one JSON object on each line, result in JSON objects. With --chat, standard input may be a
// terminal: a conversation.
struct Generate {
  std::string model;
  RunFlags from;
  std::vector<std::string> prompts;
  llm::GenerateOptions options;
  bool json = false;
  bool chat = false;

  // Throws Error naming the flag out of range. Checks the prompts before a model is loaded.
  void check() const {
    options.check();
    for (std::size_t i = 0; i < prompts.size(); ++i) llm::check_prompt(prompts[i], flag_name(i));
    require(!converses() || options.num_return_sequences == 1,
            "--num-return-sequences {}: must be 1 in a conversation", options.num_return_sequences);
  }

  template <class Device>
  int on(Device& device) const {
    check();
    llm::RunModel<Device> of(device, from.load(model), from.parts());
    if (converses()) return converse(of, options);
    if (prompts.empty()) {
      parse::LineSource lines(0, "stdin");
      return exit_of_lines(llm::generate_lines(
          of, lines, options, [](const std::string& line) { write_text(line + "\n"); },
          [] { flush_output(); }));
    }
    std::vector<llm::Tokens> requested;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      requested.push_back(
          chat ? llm::chat_tokens(of, llm::user_message(prompts[i]), flag_name(i), options.max_prompt_tokens)
               : llm::prompt_tokens(of, prompts[i], flag_name(i), options.max_prompt_tokens));
    const bool streams = prompts.size() == 1 && options.num_return_sequences == 1 && !json;
    StreamedText streamed(options.end);
    const std::vector<llm::Generation> generations =
        llm::generate(of, std::span<const llm::Tokens>(requested), options,
                      [&](std::size_t, const llm::Generation& generation) {
                        if (streams) streamed.show(generation);
                      });
    if (streams) streamed.finish(generations[0]);
    for (const llm::Generation& each : generations)
      if (!streams)
        write_text((json ? llm::to_json_line(each, options.num_return_sequences) : each.text) + "\n");
    return 0;
  }

 private:
  [[nodiscard]] bool converses() const {
    return chat && prompts.empty() && !json && isatty(STDIN_FILENO) != 0;
  }
  [[nodiscard]] std::string flag_name(std::size_t i) const {
    return prompts.size() == 1 ? "--prompt" : fmt::format("--prompt number {}", i + 1);
  }
};

void add_sampling(const Subcommand& command, llm::GenerateOptions& options) {
  llm::SamplingOptions& sampling = options.sampling;
  command
      .add("--temperature", sampling.temperature,
           "logits are divided by it before a token is sampled; 0: the most probable token")
      .show_default();
  command.add("--top-k", sampling.top_k, "sample among the k most probable tokens; 0: all").show_default();
  command
      .add("--top-p", sampling.top_p,
           "sample among the most probable tokens that together exceed this probability")
      .show_default();
  command
      .add("--min-p", sampling.min_p,
           "sample among tokens at least this fraction as probable as the most probable one")
      .show_default();
  command
      .add("--repetition-penalty", sampling.repetition_penalty,
           "above 1: tokens of the prompt and the answer so far become less probable")
      .show_default();
  command.add("--seed", sampling.seed, "of the sampled tokens").show_default();
  command.add("--num-return-sequences", options.num_return_sequences, "answers of each prompt")
      .show_default();
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  const Subcommand command(app, "generate", "Generate text after a prompt");
  auto arguments = std::make_shared<Generate>();
  auto device = std::make_shared<DeviceFlags>();
  llm::GenerateOptions& options = arguments->options;
  command.add("--model", arguments->model,
              "GGUF file or Hugging Face folder of the model; default: the run's");
  arguments->from.add(command);
  command.add("--prompt", arguments->prompts, "prompt to complete (repeatable)").one_value_each();
  command.add("--max-new-tokens", options.end.max_tokens, "maximum tokens of an answer").show_default();
  command
      .add("--max-prompt-tokens", options.max_prompt_tokens,
           "longer prompts keep their last tokens only; 0: a prompt longer than the context is an error")
      .show_default();
  command.add("--stop", options.end.stop, "text before which the answer ends, e.g. $'\\n' (repeatable)")
      .one_value_each();
  add_sampling(command, options);
  command
      .add("--batch-size", options.decoder.sequences,
           "maximum sequences decoded together; 0: device default; lower it to save memory")
      .show_default();
  command.add_old("--max-tokens", "--max-new-tokens", options.end.max_tokens);
  command.add_old("--batch", "--batch-size", options.decoder.sequences);
  command.add("--json", arguments->json,
              "print a JSON object for each prompt, as for prompts on standard input");
  command.add(
      "--chat", arguments->chat,
      "each --prompt is a message of the user: the model's chat template is applied; without --prompt, "
      "in a terminal: a conversation");
  device->add(command);
  command.footer(
      "Without --temperature each token is the most probable one. The filters are those of transformers and "
      "apply in\n"
      "its order: repetition penalty, temperature, top-k, top-p, min-p. A sampled answer depends on the "
      "seed, "
      "the\n"
      "number of its prompt or line, and its own number, not on the other prompts or --batch-size.\n"
      "Without --prompt it reads {\"prompt\": TEXT}, or {\"messages\": [{\"role\": \"user\",\n"
      "\"content\": TEXT}, ...]} for the model's chat template, on each line of standard\n"
      "input and prints {\"text\": TEXT, \"tokens\": n, \"prompt_tokens\": n, \"end\": REASON} for each, "
      "with\n"
      "\"sample\": i where --num-return-sequences is above 1; the reason is\n"
      "stop, control (the model's own end of text) or length (--max-new-tokens or the model's context). "
      "Other "
      "fields\n"
      "of a line come back in its answer. A line that cannot be answered gets {\"error\": TEXT} in its "
      "place; "
      "the\n"
      "exit code is then 1.\n"
      "Example: zofo generate --model model.gguf --prompt 'A fine film. It was' --max-new-tokens 20");
  command.on_selection(action, [arguments, device] {
    arguments->check();
    return on_device(device->choose(), *arguments);
  });
}

}  // namespace zofo::cli
