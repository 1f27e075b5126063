#include "zofo/train/export_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/export_gguf.hpp"
#include "zofo/model_io/export_hugging_face.hpp"
#include "zofo/model_io/hugging_face_config.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/model_io/merge_lora.hpp"
#include "zofo/peft/gguf_lora.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/tokenize/gguf_tokenizer.hpp"
#include "zofo/tokenize/hugging_face_tokenizer.hpp"

namespace zofo::llm {

void ExportOptions::check() const {
  const bool file = format == ExportFormat::gguf || format == ExportFormat::gguf_lora;
  require(!out.empty(), "--out: must name a new folder, or a new file for gguf and gguf-lora");
  require(dtype == ExportType::f32 || dtype == ExportType::bf16 || format == ExportFormat::gguf,
          "--dtype {}: must be f32 or bf16, or with --format gguf one of {}", dtype, all_names<ExportType>());
  require(!only_adapter() || dtype == ExportType::f32, "--dtype {}: adapters are written as f32", dtype);
  require(!only_adapter() || !merge, "--merge: --format {} writes only the adapter", format);
  require(!run.empty() || !adapter.empty() || (!only_adapter() && !merge),
          "--run or --adapter: must name the run whose adapter is exported, or an adapter");
  require(!no_tokenizer || format == ExportFormat::hf, "--no-tokenizer: only --format hf can do without one");
  require(!without_backbone || only_adapter(),
          "--without-backbone: only with --format peft or gguf-lora, which write no backbone");
  std::error_code ignored;
  require(!std::filesystem::exists(out, ignored), "{}: already exists: name a new {}", out,
          file ? "file" : "folder");
}

namespace {

// The special tokens' ids in config.json.
nlohmann::json special_tokens(const std::string& model, std::uint32_t rows) {
  nlohmann::json fields = nlohmann::json::object();
  if (is_folder(model)) {
    const auto config = checkpoint::JsonFields::load(std::filesystem::path(model) / "config.json");
    for (const char* field : {"bos_token_id", "eos_token_id", "pad_token_id"})
      if (config.has(field)) fields[field] = config.at(field);
    return fields;
  }
  const checkpoint::GgufFile file(model);
  for (const auto& [token, field] :
       {std::pair{"bos", "bos_token_id"}, {"eos", "eos_token_id"}, {"padding", "pad_token_id"}}) {
    const std::string key = fmt::format("tokenizer.ggml.{}_token_id", token);
    if (!file.has(key)) continue;
    const std::uint64_t id = file.unsigned_integer(key);
    require(id < rows, "{}: {} = {}: must be in [0, {}), the embedding's rows", model, key, id, rows);
    fields[field] = id;
  }
  return fields;
}

// generation_config.json of a GGUF file: the special tokens, and as a second end that of a turn in a chat.
nlohmann::json generation_config(const std::string& model, nlohmann::json tokens) {
  const checkpoint::GgufFile file(model);
  const char* turn = "tokenizer.ggml.eot_token_id";
  if (file.has(turn)) {
    const std::uint64_t id = file.unsigned_integer(turn);
    nlohmann::json& eos = tokens["eos_token_id"];
    if (eos.is_null())
      eos = id;
    else if (eos != id)
      eos = {eos, id};
  }
  return tokens;
}

// Names of the storage types of quantised weights.
std::set<std::string> quantised_types(const std::string& model) {
  std::set<std::string> names;
  if (is_folder(model)) return names;
  const checkpoint::GgufFile file(model);
  for (const std::string& name : file.tensor_names()) {
    const checkpoint::GgmlFormat& format = *checkpoint::find_format(file.tensor(name).type);
    if (format.quantised()) names.emplace(format.name);
  }
  return names;
}

// "f32", or "f32, dequantised from Q4_0".
std::string weights(const ExportOptions& o) {
  const std::set<std::string> types = quantised_types(o.model);
  return fmt::format("{}{}{}", o.dtype, types.empty() ? "" : ", dequantised from ",
                     fmt::join(types, " and "));
}

// ‖θ − θ_0‖/‖θ_0‖.
double relative_change(const model::Parameters& theta_0, const model::Parameters& theta) {
  double change = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < theta.values().size(); ++i) {
    const double from = static_cast<double>(theta_0.values()[i]);
    const double moved = static_cast<double>(theta.values()[i]) - from;
    change += moved * moved;
    norm += from * from;
  }
  return std::sqrt(change / norm);
}

// The tokenizer of a GGUF file for a folder; none where a folder's is copied, or nobody wants it.
std::optional<tokenize::HuggingFaceTokenizer> folder_tokenizer(const ExportOptions& o) {
  if (o.no_tokenizer) return std::nullopt;
  const char* way_out = "--no-tokenizer exports the model without it";
  if (is_folder(o.model)) {
    require(has_tokenizer(o.model),
            "{}: has no tokenizer (tokenizer.json, tokenizer.model or vocab.json): {}", o.model, way_out);
    return std::nullopt;
  }
  const checkpoint::GgufFile file(o.model);
  try {
    return tokenize::hugging_face_tokenizer(file);
  } catch (const Error& error) {
    fail("{}: its tokenizer cannot be written for transformers: {}; {}", o.model, error.what(), way_out);
  }
}

// Where the adapter comes from, and its kind.
std::string kind_of(const ExportOptions& o, const peft::PeftAdapter& adapter) {
  const std::string_view kind = peft::name(peft::kind(adapter.layout));
  return o.adapter.empty() ? fmt::format("{} selected a {}", o.run, kind)
                           : fmt::format("--adapter {} is a {}", o.adapter, kind);
}

void write_adapter(const std::filesystem::path& folder, const model::Config& config,
                   const peft::PeftAdapter& adapter, const std::string& base) {
  const Eigen::VectorXf& x = adapter.values;
  peft::write_peft(folder, config, adapter.layout, {x.data(), static_cast<std::size_t>(x.size())}, base);
}

void merge_into(model::Parameters& theta, const peft::PeftAdapter& adapter, const ExportOptions& o) {
  const auto* lora = std::get_if<peft::Lora>(&adapter.layout);
  require(lora != nullptr, "--merge: {}: only LoRA can be added to the weights", kind_of(o, adapter));
  if (const auto rest = apply_changes(theta, adapter)) merge_lora(theta, *lora, rest->values);
}

// What transformers 5 changes: for Qwen 2's models it takes only tokens and merges of tokenizer.json.
std::string other_steps(const ExportOptions& o, const model::Config& config,
                        const std::optional<tokenize::HuggingFaceTokenizer>& tokenizer) {
  if (!tokenizer || hugging_face_architecture(config) != model::Architecture::qwen2) return "";
  if (tokenizer->pre == "qwen2")
    return fmt::format(
        "{}: transformers 5 composes characters (NFC) before Qwen 2's tokenizer, the GGUF file does not: "
        "texts that "
        "are not composed get other tokens there",
        o.out);
  return fmt::format(
      "{}: transformers 5 splits words for every Qwen 2 model as Qwen 2 does, the GGUF file as {}: texts get "
      "other "
      "tokens there",
      o.out, tokenizer->pre.empty() ? "SentencePiece" : tokenizer->pre);
}

Exported export_folder(const ExportOptions& o, const model::Parameters& theta,
                       const peft::PeftAdapter* adapter,
                       const std::optional<tokenize::HuggingFaceTokenizer>& tokenizer) {
  checkpoint::AtomicFolder folder(o.out);
  const nlohmann::json tokens = special_tokens(o.model, theta.config().vocab);
  write_hugging_face(
      folder.part(), theta,
      o.dtype == ExportType::f32 ? checkpoint::SafetensorsType::F32 : checkpoint::SafetensorsType::BF16,
      tokens);
  if (is_folder(o.model)) {
    copy_generation_config(o.model, folder.part());
    if (!o.no_tokenizer) copy_tokenizer(o.model, folder.part());
  } else {
    zofo::write_atomically(folder.part() / generation_config_file,
                           generation_config(o.model, tokens).dump(2) + "\n");
  }
  if (tokenizer) tokenizer->write(folder.part());
  if (adapter != nullptr) {
    std::filesystem::create_directory(folder.part() / "adapter");
    write_adapter(folder.part() / "adapter", theta.config(), *adapter,
                  std::filesystem::absolute(folder.path()).lexically_normal().string());
  }
  folder.commit();
  return {
      fmt::format("a Hugging Face model ({}){}", weights(o), o.no_tokenizer ? " without a tokenizer" : ""),
      other_steps(o, theta.config(), tokenizer)};
}

// The adapter as a file for llama.cpp, which knows only LoRA.
void write_lora_file(const ExportOptions& o, const model::Config& config, const peft::PeftAdapter& adapter) {
  const auto* lora = std::get_if<peft::Lora>(&adapter.layout);
  require(lora != nullptr, "--format gguf-lora: {}: only a LoRA can be written", kind_of(o, adapter));
  const Eigen::VectorXf& x = adapter.values;
  peft::write_gguf_lora(o.out, config, gguf_architecture(config), *lora,
                        {x.data(), static_cast<std::size_t>(x.size())});
}

// The run's adapter by itself; `theta_0` is the model, `theta` what the run made of it.
Exported export_adapter(const ExportOptions& o, const model::Parameters& theta_0,
                        const model::Parameters& theta, const peft::PeftAdapter& adapter) {
  const double change = relative_change(theta_0, theta);
  const std::string off = fmt::format(
      "{} updated the backbone: the base that the adapter names, {}, differs from it by {:.3g} (norm of the "
      "change, "
      "relative)",
      o.run, o.model, change);
  require(change == 0.0 || o.without_backbone,
          "--format {}: {}: --format hf writes the backbone too, --without-backbone the adapter without it",
          o.format, off);
  const std::string lacks = change == 0.0 ? "" : off;
  if (o.format == ExportFormat::gguf_lora) {
    write_lora_file(o, theta.config(), adapter);
    return {"a LoRA as a GGUF file", lacks};
  }
  checkpoint::AtomicFolder folder(o.out);
  write_adapter(folder.part(), theta.config(), adapter, o.model);
  folder.commit();
  return {"an adapter", lacks};
}

Exported export_file(const ExportOptions& o, const model::Parameters& theta,
                     const std::optional<tokenize::GgufTokenizer>& tokenizer) {
  if (tokenizer)
    write_gguf(o.out, theta, o.dtype,
               [&](checkpoint::GgufWriter& file) { tokenizer->write(file, theta.config().vocab); });
  else
    write_gguf(o.out, theta, o.dtype, checkpoint::GgufFile(o.model));
  const std::uint32_t window = theta.config().window;
  std::vector<std::string> differences;
  if (tokenizer && tokenizer->loses_nfc)
    differences.emplace_back(
        "the folder's tokenizer composes characters (NFC) first, a GGUF file's does not: texts that are not "
        "composed get other tokens");
  if (window > 0)
    differences.push_back(
        fmt::format("llama.cpp does not read the window of this model: it computes something else for texts "
                    "of more than {} "
                    "tokens",
                    window));
  return {fmt::format("a GGUF file ({})", weights(o)),
          differences.empty() ? "" : fmt::format("{}: {}", o.out, fmt::join(differences, "; "))};
}

}  // namespace

Exported export_model(const ExportOptions& o) {
  o.check();
  std::optional<tokenize::GgufTokenizer> file_tokenizer;
  if (o.format == ExportFormat::gguf && is_folder(o.model))
    file_tokenizer = tokenize::read_gguf_tokenizer(o.model);
  std::optional<tokenize::HuggingFaceTokenizer> tokenizer;
  if (o.format == ExportFormat::hf) tokenizer = folder_tokenizer(o);
  model::Parameters theta = load_backbone(o.model);
  std::optional<model::Parameters> theta_0;
  if (o.only_adapter()) theta_0 = theta.clone();
  std::optional<SelectedModel> restored;
  if (!o.run.empty()) restored.emplace(restore(o.run, theta));
  std::optional<peft::PeftAdapter> adapter;
  if (!o.adapter.empty())
    adapter = peft::read_peft_with_changes(o.adapter, theta.config());
  else if (restored)
    adapter = std::move(restored->adapter);
  require(adapter || !o.merge, "--merge: {} selected only the backbone: there is no adapter to merge", o.run);
  if (adapter && !o.merge) adapter->changes.refuse_any();
  if (o.only_adapter()) {
    require(adapter.has_value(), "--format {}: {} selected only the backbone: there is no adapter to write",
            o.format, o.run);
    return export_adapter(o, *theta_0, theta, *adapter);
  }
  if (o.merge) merge_into(theta, *adapter, o);
  const peft::PeftAdapter* const separate = o.merge || !adapter ? nullptr : &*adapter;
  if (o.format == ExportFormat::hf) return export_folder(o, theta, separate, tokenizer);
  require(separate == nullptr, "--format gguf: holds only a backbone: --merge adds the adapter to it");
  return export_file(o, theta, file_tokenizer);
}

}  // namespace zofo::llm
