// zofo export: writes a model, or the result of a run, in a format that other programs read.
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
  const Subcommand command(app, "export", "Write a model, or the result of a run, for other programs");
  auto options = std::make_shared<llm::ExportOptions>();
  command.add("--model", options->model, "GGUF file or Hugging Face folder of the model").required();
  command.add("--run", options->run, "run folder of a fine-tuning of this model");
  command
      .add("--adapter", options->adapter,
           "folder of an adapter in peft's format, or GGUF file of a LoRA, instead of the run's")
      .not_empty();
  command.add("--merge", options->merge, "merge the adapter, a LoRA or DoRA, into the weights");
  command.add("--no-tokenizer", options->no_tokenizer, "hf: leave the tokenizer's files out");
  command.add(
      "--without-backbone", options->without_backbone,
      "peft, gguf-lora: write the adapter also of a run that updated the backbone, which it then lacks");
  command.add_choice("--format", options->format,
                     "hf (a folder for transformers; without --merge, the adapter is in its folder adapter), "
                     "gguf (a file for llama.cpp), peft (only the adapter), gguf-lora (only the LoRA, for "
                     "llama.cpp)",
                     "--format");
  command.add_choice(
      "--dtype", options->dtype,
      "f32, bf16, or (only gguf) f16, q8_0, q4_0, q4_k_m, q6_k: llama.cpp's types of files; vectors "
      "stay f32",
      "--dtype");
  command.add("--out", options->out, "new folder, or new file for gguf and gguf-lora").required();
  command.footer(
      "Example: zofo export --model model.gguf --run runs/sst2 --merge --format hf --dtype bf16 --out "
      "sst2-model");
  command.on_selection(action, [options] { return run(*options); });
}

}  // namespace zofo::cli
