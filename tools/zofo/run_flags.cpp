// A model and what is put on it.
#include "run_flags.hpp"

namespace zofo::cli {

void RunFlags::add(const Subcommand& command) {
  command.add("--run", run, "run folder of a fine-tuning; it names its model and holds its task");
  command.add("--adapter", adapter,
              "folder of a LoRA, prefix or prompt adapter in peft's format; with --run instead of the run's");
}

llm::Model RunFlags::load(const std::string& model) const {
  return llm::load_chosen_model(
      model, run, [](const std::string& warning) { fmt::print(stderr, "zofo: warning: {}\n", warning); });
}

}  // namespace zofo::cli
