// The flags --model, --run and --adapter, and those of prompts: a run folder names its model and holds its
// task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cli.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/run_inputs.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::cli {

// The flag --special of commands that take texts.
void add_special(const Subcommand& command, bool& special);

// The model of a command, as given or as the run folder names it.
struct RunFlags {
  std::string run;
  std::string adapter;   // folder in peft's format
  bool special = false;  // control tokens written in texts are recognised

  // --run, --adapter and --special.
  void add(const Subcommand& command);
  // Only --special.
  void add_special(const Subcommand& command);
  // The path of the model: the given one, or the run's. Throws Error if neither is given, or the run's model
  // is not where it was.
  [[nodiscard]] std::string model_path(const std::string& model) const {
    return llm::choose_model(model, run);
  }
  // Loads the model. One that is not the run's gives a warning if it was given, else Error.
  [[nodiscard]] llm::Model load(const std::string& model) const;
  // What is put on the model.
  [[nodiscard]] llm::ModelParts parts() const { return {run, adapter}; }
};

// Throws Error unless --split names the validation or the test examples.
void check_split(const std::string& split);

// The flags of how prompts are made.
struct PromptFlags {
  std::string template_name;
  std::size_t max_prompt_tokens = 0;
  std::size_t demonstrations = 0;
  std::uint64_t seed = 0;

  // --template, --max-prompt-tokens, --demonstrations and --seed.
  void add(const Subcommand& command);
  // The same under another template.
  [[nodiscard]] PromptFlags under(const std::string& name) const;
  // A task with such prompts and the examples of a split ("": none).
  [[nodiscard]] data::TaskData load(const llm::TaskChoice& chosen, const std::string& split) const;
};

}  // namespace zofo::cli
