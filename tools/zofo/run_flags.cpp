// A model and what is put on it.
#include "run_flags.hpp"

namespace zofo::cli {

void RunFlags::add(const Subcommand& command) {
  command.add("--run", run, "run folder of a fine-tuning; it names its model and holds its task").not_empty();
  command
      .add("--adapter", adapter,
           "folder of a LoRA, prefix or prompt adapter in peft's format, or GGUF file of a LoRA; with --run "
           "instead of the run's")
      .not_empty();
  add_special(command);
}

void RunFlags::add_special(const Subcommand& command) { cli::add_special(command, special); }

void add_special(const Subcommand& command, bool& special) {
  command.add("--special", special,
              "recognise control tokens, such as <|im_start|>, written in the texts; a run that did so needs "
              "no flag");
}

void PromptFlags::add(const Subcommand& command) {
  command.add("--template", template_name, "prompt template of the task; default: its first");
  command
      .add("--max-prompt-tokens", max_prompt_tokens,
           "longer prompts keep their last tokens only; 0: as the task defines")
      .show_default();
  command
      .add("--demonstrations", demonstrations,
           "training examples with their answers in front of every prompt; more: longer prompts")
      .show_default();
  command.add("--seed", seed, "seed that samples and orders the demonstrations").show_default();
}

PromptFlags PromptFlags::under(const std::string& name) const {
  PromptFlags other = *this;
  other.template_name = name;
  return other;
}

void check_split(const std::string& split) {
  require(split == data::validation_split || split == data::test_split,
          "--split {}: must be validation or test", split);
}

data::TaskData PromptFlags::load(const llm::TaskChoice& chosen, const std::string& split) const {
  return chosen.load(template_name, split, max_prompt_tokens, demonstrations, seed);
}

llm::Model RunFlags::load(const std::string& model) const {
  return llm::load_chosen_model(
      model, run, [](const std::string& warning) { fmt::print(stderr, "zofo: warning: {}\n", warning); },
      special);
}

}  // namespace zofo::cli
