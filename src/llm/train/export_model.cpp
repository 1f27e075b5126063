#include "zofo/train/export_model.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <variant>

#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/export_gguf.hpp"
#include "zofo/model_io/export_hugging_face.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/tokenize/gguf_tokenizer.hpp"

namespace zofo::llm {

void ExportOptions::check() const {
  require(!out.empty(), "--out: must name a new folder, or a new file for gguf");
  require(dtype != ExportType::q8_0 || format == ExportFormat::gguf,
          "--dtype {}: must be f32 or bf16, or q8_0 with --format gguf", dtype);
  require(format != ExportFormat::peft || dtype == ExportType::f32, "--dtype {}: adapters are written as f32",
          dtype);
  require(format != ExportFormat::peft || !merge, "--merge: --format peft writes only the adapter");
  require(!run.empty() || (format != ExportFormat::peft && !merge),
          "--run: must name the run whose adapter is exported");
  std::error_code ignored;
  require(!std::filesystem::exists(out, ignored), "{}: already exists: name a new {}", out,
          format == ExportFormat::gguf ? "file" : "folder");
}

namespace {

// The fields of config.json that the tokenizer determines.
nlohmann::json special_tokens(const std::string& model) {
  nlohmann::json fields = nlohmann::json::object();
  if (is_folder(model)) {
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

void write_adapter(const std::filesystem::path& folder, const model::Config& config,
                   const peft::PeftAdapter& adapter, const std::string& base) {
  const Eigen::VectorXf& x = adapter.values;
  peft::write_peft(folder, config, adapter.layout, {x.data(), static_cast<std::size_t>(x.size())}, base);
}

void merge_into(model::Parameters& theta, const peft::PeftAdapter& adapter, const std::string& run) {
  const auto* lora = std::get_if<peft::Lora>(&adapter.layout);
  require(lora != nullptr, "--merge: {} selected a {}: only LoRA can be added to the weights", run,
          peft::name(peft::kind(adapter.layout)));
  merge_lora(theta, *lora, adapter.values);
}

Exported export_folder(const ExportOptions& o, const model::Parameters& theta,
                       const peft::PeftAdapter* adapter) {
  checkpoint::AtomicFolder folder(o.out);
  write_hugging_face(
      folder.part(), theta,
      o.dtype == ExportType::f32 ? checkpoint::SafetensorsType::F32 : checkpoint::SafetensorsType::BF16,
      special_tokens(o.model));
  const bool tokenizer = is_folder(o.model) && copy_tokenizer(o.model, folder.part()) > 0;
  if (adapter != nullptr) {
    std::filesystem::create_directory(folder.part() / "adapter");
    write_adapter(folder.part() / "adapter", theta.config(), *adapter, o.out);
  }
  folder.commit();
  return {fmt::format("a Hugging Face model ({}){}", o.dtype,
                      tokenizer ? "" : " without tokenizer files: the source has none"),
          ""};
}

Exported export_file(const ExportOptions& o, const model::Parameters& theta,
                     const std::optional<tokenize::GgufTokenizer>& tokenizer) {
  const checkpoint::GgmlType type = o.dtype == ExportType::f32    ? checkpoint::GgmlType::F32
                                    : o.dtype == ExportType::bf16 ? checkpoint::GgmlType::BF16
                                                                  : checkpoint::GgmlType::Q8_0;
  if (tokenizer)
    write_gguf(o.out, theta, type,
               [&](checkpoint::GgufWriter& file) { tokenizer->write(file, theta.config().vocab); });
  else
    write_gguf(o.out, theta, type, checkpoint::GgufFile(o.model));
  Exported done{fmt::format("a GGUF file ({})", o.dtype), ""};
  if (tokenizer && tokenizer->loses_nfc)
    done.warning = fmt::format(
        "{}: the folder's tokenizer composes characters (NFC) first, a GGUF file's does not: texts that are "
        "not "
        "composed get other tokens",
        o.out);
  return done;
}

}  // namespace

Exported export_model(const ExportOptions& o) {
  o.check();
  std::optional<tokenize::GgufTokenizer> tokenizer;
  if (o.format == ExportFormat::gguf && is_folder(o.model))
    tokenizer = tokenize::read_gguf_tokenizer(o.model);
  model::Parameters theta = load_backbone(o.model);
  std::optional<SelectedModel> restored;
  if (!o.run.empty()) restored.emplace(restore(o.run, theta));
  const peft::PeftAdapter* const adapter = restored && restored->adapter ? &*restored->adapter : nullptr;
  require(adapter != nullptr || !o.merge,
          "--merge: {} selected only the backbone: there is no adapter to merge", o.run);
  if (o.format == ExportFormat::peft) {
    require(adapter != nullptr, "--format peft: {} selected only the backbone: there is no adapter to write",
            o.run);
    checkpoint::AtomicFolder folder(o.out);
    write_adapter(folder.part(), theta.config(), *adapter, o.model);
    folder.commit();
    return {"an adapter", ""};
  }
  if (o.merge) merge_into(theta, *adapter, o.run);
  const peft::PeftAdapter* const separate = o.merge ? nullptr : adapter;
  if (o.format == ExportFormat::hf) return export_folder(o, theta, separate);
  require(separate == nullptr, "--format gguf: holds only a backbone: --merge adds the run's adapter to it");
  return export_file(o, theta, tokenizer);
}

}  // namespace zofo::llm
