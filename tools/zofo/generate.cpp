// zofo generate: what a model, or a run, writes after prompts.
#include "generate.hpp"

#include <memory>

#include "device.hpp"
#include "precision.hpp"

namespace zofo::cli {

void add_generate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("generate", "What the model writes after a prompt");
  auto arguments = std::make_shared<Generate>();
  auto where = std::make_shared<Precision>();
  command->add_option("--model", arguments->model, "GGUF file or Hugging Face folder of the model")
      ->required();
  command->add_option("--run", arguments->run, "run folder of a fine-tuning of this model");
  command->add_option("--prompt", arguments->prompts, "prompt to complete (repeatable)")
      ->allow_extra_args(false);
  not_negative(
      command
          ->add_option("--max-new-tokens", arguments->options.end.max_tokens, "maximum tokens of an answer")
          ->capture_default_str());
  command->add_option("--stop", arguments->options.end.stop,
                      "text before which the answer ends, e.g. $'\\n'");
  not_negative(
      command
          ->add_option("--batch-size", arguments->options.greedy.sequences,
                       "maximum sequences decoded together; 0: device default; lower it to save memory")
          ->capture_default_str());
  not_negative(
      accept_old_flag(*command, "--max-tokens", "--max-new-tokens", arguments->options.end.max_tokens));
  not_negative(accept_old_flag(*command, "--batch", "--batch-size", arguments->options.greedy.sequences));
  command->add_flag("--json", arguments->json,
                    "print a JSON object for each prompt, as for those of standard input");
  where->add(*command);
  command->footer(
      "Always takes the most probable token. Without --prompt it reads {\"prompt\": TEXT} a line from "
      "standard\n"
      "input and prints {\"text\": TEXT, \"tokens\": n, \"prompt_tokens\": n, \"end\": REASON} for each; the "
      "reason is\n"
      "stop, control (the model's own end of text) or length (--max-new-tokens or the model's context).\n"
      "Example: zofo generate --model model.gguf --prompt 'A fine film. It was' --max-new-tokens 20");
  command->callback([arguments, where, &action] {
    action = [=] {
      arguments->check();
      return on_device(where->choose(), *arguments);
    };
  });
}

}  // namespace zofo::cli
