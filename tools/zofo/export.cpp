// zofo export: a model, or what a run made of it, in a format that other programs read.
#include <memory>

#include "cli.hpp"
#include "zofo/train/export_model.hpp"

namespace zofo::cli {
namespace {

int run(const llm::ExportOptions& options) {
  const llm::Exported done = llm::export_model(options);
  if (!done.warning.empty()) fmt::print(stderr, "zofo: {}\n", done.warning);
  write_out("{}: {}\n", options.out, done.what);
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("export", "Write a model, or what a run made of it, for other programs");
  auto options = std::make_shared<llm::ExportOptions>();
  command->add_option("--model", options->model, "GGUF file or Hugging Face folder of the model")->required();
  command->add_option("--run", options->run, "run folder of a fine-tuning of this model");
  command->add_flag("--merge", options->merge, "put the run's adapter into the weights");
  add_choice(*command, "--format", options->format,
             "hf (a folder for transformers; the run's adapter in its folder adapter unless merged), gguf (a "
             "file for llama.cpp), peft (the run's adapter alone)",
             "--format");
  add_choice(*command, "--dtype", options->dtype,
             "f32, bf16, or q8_0 (gguf alone; vectors, and rows that are no multiple of 32, stay f32)",
             "--dtype");
  command->add_option("--out", options->out, "new folder, or new file for gguf")->required();
  command->footer(
      "Example: zofo export --model model.gguf --run runs/sst2 --merge --format hf --dtype bf16 --out "
      "sst2-model");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace zofo::cli
