#include "zofo/peft/peft_virtual_tokens.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "peft_fields.hpp"
#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/rotary_order.hpp"
#include "zofo/checkpoint/safetensors.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/peft/peft_config.hpp"

namespace zofo::peft {

namespace {

using checkpoint::JsonFields;

constexpr const char* virtual_tokens_tensor = "prompt_embeddings";

// Sizes of the model in the config of a prefix or a prompt.
struct PeftExtents {
  std::uint32_t heads = 0;
  std::uint32_t width = 0;  // of a token in one layer: of a key, or of an embedded token
  std::uint32_t cols = 0;   // of the stored tensor
};
PeftExtents peft_extents(const ModelShape& shape, Kind kind) {
  const auto keys = static_cast<std::uint32_t>(shape.key_width());
  if (kind == Kind::prefix) return {shape.kv_heads, keys, 2 * shape.layers * keys};
  return {shape.heads, shape.embedded, shape.embedded};
}

// The rows of a key.
checkpoint::RotaryRows rotary_rows(const ModelShape& shape) {
  return {shape.kv_heads, shape.head_dim, shape.rotary_dim};
}

// Throws Error unless the field is missing or has this model's value.
void same_model(const JsonFields& file, std::string_view field, std::uint32_t value) {
  if (file.has(field) && file.integer(field) != value)
    file.refuse(field, fmt::format("{}, the model's (an adapter of another model?)", value));
}

std::uint32_t read_virtual_tokens(const JsonFields& file, const ModelShape& shape, Kind kind) {
  detail::check_rest(
      file, {"encoder_hidden_size", "num_attention_heads", "num_layers", "num_transformer_submodules",
             "num_virtual_tokens", "prompt_tuning_init", "prompt_tuning_init_text", "token_dim",
             "tokenizer_name_or_path", "tokenizer_kwargs"});
  const PeftExtents extents = peft_extents(shape, kind);
  same_model(file, "num_transformer_submodules", 1);
  same_model(file, "num_layers", shape.layers);
  same_model(file, "token_dim", extents.width);
  if (kind == Kind::prefix) same_model(file, "num_attention_heads", extents.heads);
  return file.integer("num_virtual_tokens", 1, 4096);
}

Adapter make_virtual_tokens(const ModelShape& shape, Kind kind, std::uint32_t tokens) {
  if (kind == Kind::prefix) return Prefix(shape, {tokens});
  return Prompt(shape, {tokens});
}

// Calls move(offset in the file, offset in the flat vector, length, whether it is a key) for every contiguous
// piece of an adapter.
template <class Move>
void for_each_piece(const ModelShape& shape, const Adapter& adapter, Move&& move) {
  const auto* prefix = std::get_if<Prefix>(&adapter);
  if (prefix == nullptr) return move(std::size_t{0}, std::size_t{0}, size(adapter), false);
  const std::size_t width = shape.key_width();
  std::size_t at = 0;
  for (std::size_t token = 0; token < prefix->tokens(); ++token)
    for (std::size_t layer = 0; layer < shape.layers; ++layer, at += 2 * width) {
      move(at, prefix->keys(layer) + token * width, width, true);
      move(at + width, prefix->values(layer) + token * width, width, false);
    }
}

}  // namespace

PeftVirtualTokens read_peft_virtual_tokens(const std::filesystem::path& folder, const ModelShape& shape) {
  const auto described = checkpoint::JsonFields::load(folder / peft_config_file);
  const std::string type = described.string("peft_type");
  if (type != "PREFIX_TUNING" && type != "PROMPT_TUNING")
    described.refuse("peft_type", "PREFIX_TUNING or PROMPT_TUNING");
  const Kind kind = type == "PREFIX_TUNING" ? Kind::prefix : Kind::prompt;
  const std::uint32_t tokens = read_virtual_tokens(described, shape, kind);
  const checkpoint::SafetensorsFile file(folder / peft_weights_file);
  const auto& stored_shape = file.tensor(virtual_tokens_tensor).shape;
  const std::uint32_t cols = peft_extents(shape, kind).cols;
  require(stored_shape.size() == 2 && stored_shape[0] == tokens && stored_shape[1] == cols,
          "{}: tensor '{}': its shape [{}] is not [{}, {}] (an adapter of another model?)", file.name(),
          virtual_tokens_tensor, fmt::join(stored_shape, ", "), tokens, cols);
  require(file.tensors().size() == 1, "{}: {} tensors: must be only '{}'", file.name(), file.tensors().size(),
          virtual_tokens_tensor);
  Adapter adapter = make_virtual_tokens(shape, kind, tokens);
  std::vector<float> stored(size(adapter));
  file.read(virtual_tokens_tensor, stored);
  checkpoint::check_finite(stored, fmt::format("{}: tensor '{}'", file.name(), virtual_tokens_tensor));
  Eigen::VectorXf values(static_cast<Eigen::Index>(stored.size()));
  for_each_piece(shape, adapter, [&](std::size_t from, std::size_t to, std::size_t length, bool key) {
    const std::span piece(values.data() + to, length);
    std::ranges::copy(std::span(stored).subspan(from, length), piece.begin());
    if (key && shape.rotary_dim > 0) checkpoint::interleave_rotary(piece, rotary_rows(shape), 1);
  });
  return {std::move(adapter), std::move(values)};
}

void write_peft_virtual_tokens(const std::filesystem::path& folder, const ModelShape& shape,
                               const Adapter& adapter, std::span<const float> values,
                               const std::string& base_model) {
  const Kind kind = peft::kind(adapter);
  require(kind != Kind::lora, "adapter of kind lora: must be a prefix or a prompt");
  require(values.size() == size(adapter), "adapter of {} numbers: its layout has {}", values.size(),
          size(adapter));
  std::vector<float> stored(values.size());
  for_each_piece(shape, adapter, [&](std::size_t to, std::size_t from, std::size_t length, bool key) {
    const std::span piece = std::span(stored).subspan(to, length);
    std::ranges::copy(values.subspan(from, length), piece.begin());
    if (key && shape.rotary_dim > 0) checkpoint::halve_rotary(piece, rotary_rows(shape), 1);
  });
  const PeftExtents extents = peft_extents(shape, kind);
  const std::uint32_t tokens = virtual_tokens(adapter);
  checkpoint::SafetensorsWriter file(folder / peft_weights_file,
                                     {{virtual_tokens_tensor, {tokens, extents.cols}}},
                                     checkpoint::SafetensorsType::F32);
  file.tensor(virtual_tokens_tensor, stored);
  file.finish();
  const nlohmann::json config_json = {{"peft_type", kind == Kind::prefix ? "PREFIX_TUNING" : "PROMPT_TUNING"},
                                      {"task_type", "CAUSAL_LM"},
                                      {"base_model_name_or_path", base_model},
                                      {"inference_mode", true},
                                      {"num_virtual_tokens", tokens},
                                      {"num_layers", shape.layers},
                                      {"num_attention_heads", extents.heads},
                                      {"token_dim", extents.width},
                                      {"num_transformer_submodules", 1}};
  AtomicFile described(folder / peft_config_file);
  described.write(parse::json_text(config_json, 2) + "\n");
  described.commit();
}

}  // namespace zofo::peft
