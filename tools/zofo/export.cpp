// zofo export: a model, or what a run made of it, in a format that other programs read.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli.hpp"
#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/tokenize/gguf_tokenizer.hpp"
#include "zofo/model_io/export_gguf.hpp"
#include "zofo/model_io/export_hugging_face.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/run/restore.hpp"

namespace zofo::cli {
namespace {

struct Export {
  std::string model, run, out;
  std::string format = "hf", dtype = "f32";
  bool merge = false;

  int write() const {
    check();
    std::optional<tokenize::GgufTokenizer> tokenizer;
    if (format == "gguf" && from_folder()) tokenizer = tokenize::read_gguf_tokenizer(model);
    model::Parameters theta = llm::load_backbone(model);
    std::optional<llm::Served> restored;
    if (!run.empty()) restored.emplace(llm::restore(run, theta));
    const bool adapter = restored && restored->adapter;
    require(adapter || !merge, "--merge: {} serves the backbone alone: there is no adapter to merge", run);
    if (format == "peft") {
      require(adapter, "--format peft: {} serves the backbone alone: there is no adapter to write", run);
      return write_adapter_only(theta, *restored->adapter);
    }
    if (merge) merge_into(theta, *restored->adapter);
    const bool beside = adapter && !merge;
    if (format == "hf") return write_folder(theta, beside ? &*restored->adapter : nullptr);
    require(!beside, "--format gguf: holds a backbone alone: --merge puts the run's adapter into it");
    return write_file(theta, tokenizer);
  }

 private:
  void check() const {
    require(!out.empty(), "--out: must name a new folder, or a new file for gguf");
    require(format == "hf" || format == "gguf" || format == "peft", "--format {}: must be hf, gguf or peft",
            format);
    const bool known = dtype == "f32" || dtype == "bf16" || (dtype == "q8_0" && format == "gguf");
    require(known, "--dtype {}: must be f32 or bf16, or q8_0 with --format gguf", dtype);
    require(format != "peft" || dtype == "f32", "--dtype {}: adapters are written as f32", dtype);
    require(format != "peft" || !merge, "--merge: --format peft writes the adapter alone");
    require(!run.empty() || (format != "peft" && !merge), "--run: must name the run whose adapter is meant");
    std::error_code ignored;
    require(!std::filesystem::exists(out, ignored), "{}: already exists: name a new {}", out,
            format == "gguf" ? "file" : "folder");
  }
  [[nodiscard]] bool from_folder() const { return llm::is_folder(model); }

  void merge_into(model::Parameters& theta, const peft::PeftAdapter& adapter) const {
    const auto* lora = std::get_if<peft::Lora>(&adapter.layout);
    require(lora != nullptr, "--merge: {} serves a {}: only LoRA can be put into the weights", run,
            peft::name(peft::kind(adapter.layout)));
    llm::merge_lora(theta, *lora, adapter.values);
  }

  // The fields of config.json that the tokenizer decides.
  [[nodiscard]] nlohmann::json special_tokens() const {
    nlohmann::json fields = nlohmann::json::object();
    if (from_folder()) {
      const auto config = checkpoint::JsonFields::load(std::filesystem::path(model) / "config.json");
      for (const char* field : {"bos_token_id", "eos_token_id", "pad_token_id"})
        if (config.has(field)) fields[field] = config.at(field);
      return fields;
    }
    const checkpoint::GgufFile file(model);
    for (const char* token : {"bos", "eos"}) {
      const std::string key = fmt::format("tokenizer.ggml.{}_token_id", token);
      if (file.has(key)) fields[fmt::format("{}_token_id", token)] = file.unsigned_integer(key);
    }
    return fields;
  }

  int write_adapter_only(const model::Parameters& theta, const peft::PeftAdapter& adapter) const {
    checkpoint::AtomicFolder folder(out);
    write_adapter(folder.part(), theta, adapter, model);
    return commit(folder, "an adapter");
  }
  static void write_adapter(const std::filesystem::path& folder, const model::Parameters& theta,
                            const peft::PeftAdapter& adapter, const std::string& base) {
    const Eigen::VectorXf& x = adapter.values;
    peft::write_peft(folder, theta.config(), adapter.layout, {x.data(), static_cast<std::size_t>(x.size())},
                     base);
  }

  int write_folder(const model::Parameters& theta, const peft::PeftAdapter* beside) const {
    checkpoint::AtomicFolder folder(out);
    llm::write_hugging_face(
        folder.part(), theta,
        dtype == "f32" ? checkpoint::SafetensorsType::F32 : checkpoint::SafetensorsType::BF16,
        special_tokens());
    const bool tokenizer = from_folder() && llm::copy_tokenizer(model, folder.part()) > 0;
    if (beside != nullptr) {
      std::filesystem::create_directory(folder.part() / "adapter");
      write_adapter(folder.part() / "adapter", theta, *beside, out);
    }
    return commit(folder, fmt::format("a Hugging Face model ({}){}", dtype,
                                      tokenizer ? "" : " without tokenizer files: the source has none"));
  }

  int write_file(const model::Parameters& theta,
                 const std::optional<tokenize::GgufTokenizer>& tokenizer) const {
    const checkpoint::GgmlType type = dtype == "f32"    ? checkpoint::GgmlType::F32
                                      : dtype == "bf16" ? checkpoint::GgmlType::BF16
                                                        : checkpoint::GgmlType::Q8_0;
    if (tokenizer)
      llm::write_gguf(out, theta, type,
                       [&](checkpoint::GgufWriter& file) { tokenizer->write(file, theta.config().vocab); });
    else
      llm::write_gguf(out, theta, type, checkpoint::GgufFile(model));
    if (tokenizer && tokenizer->loses_nfc)
      fmt::print(stderr,
                 "zofo: {}: the folder's tokenizer composes characters (NFC) first, a GGUF file's does not: "
                 "other texts get other tokens\n",
                 out);
    return write_out("{}: a GGUF file ({})\n", out, dtype), 0;
  }

  int commit(checkpoint::AtomicFolder& folder, std::string_view what) const {
    folder.commit();
    return write_out("{}: {}\n", out, what), 0;
  }
};

}  // namespace

void add_export(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("export", "Write a model, or what a run made of it, for other programs");
  auto arguments = std::make_shared<Export>();
  command->add_option("--model", arguments->model, "GGUF file or Hugging Face folder of the model")
      ->required();
  command->add_option("--run", arguments->run, "run folder of a fine-tuning of this model");
  command->add_flag("--merge", arguments->merge, "put the run's adapter into the weights");
  command
      ->add_option("--format", arguments->format,
                   "hf (a folder for transformers; the run's adapter in its folder adapter unless merged), "
                   "gguf (a file for llama.cpp), peft (the run's adapter alone)")
      ->capture_default_str();
  command
      ->add_option("--dtype", arguments->dtype,
                   "f32, bf16, or q8_0 (gguf alone; vectors, and rows that are no multiple of 32, stay f32)")
      ->capture_default_str();
  command->add_option("--out", arguments->out, "new folder, or new file for gguf")->required();
  command->footer(
      "Example: zofo export --model model.gguf --run runs/sst2 --merge --format hf --dtype bf16 --out "
      "sst2-model");
  command->callback([arguments, &action] { action = [=] { return arguments->write(); }; });
}

}  // namespace zofo::cli
