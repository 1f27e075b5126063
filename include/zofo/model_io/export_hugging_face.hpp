/// @file A backbone as a Hugging Face folder: config.json and model.safetensors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/model_io/load_hugging_face.hpp"
#include "zofo/model_io/rotary_weights.hpp"

namespace zofo::llm {

namespace detail {

/// In the form of transformers 4, which version 5 reads too.
inline nlohmann::json rope_scaling_json(const model::RopeScaling& scaling) {
  using Kind = model::RopeScaling::Kind;
  if (scaling.kind == Kind::none) return nullptr;
  if (scaling.kind == Kind::linear)
    return {{"type", "linear"}, {"rope_type", "linear"}, {"factor", checkpoint::shortest(scaling.factor)}};
  return {{"rope_type", "llama3"},
          {"factor", checkpoint::shortest(scaling.factor)},
          {"low_freq_factor", checkpoint::shortest(scaling.low_freq_factor)},
          {"high_freq_factor", checkpoint::shortest(scaling.high_freq_factor)},
          {"original_max_position_embeddings", scaling.original_context}};
}

inline nlohmann::json llama_config_json(const model::Config& c) {
  nlohmann::json json = {{"architectures", {"LlamaForCausalLM"}},
                         {"model_type", "llama"},
                         {"hidden_act", "silu"},
                         {"intermediate_size", c.ffn},
                         {"num_key_value_heads", c.kv_heads},
                         {"head_dim", c.head_dim},
                         {"rms_norm_eps", checkpoint::shortest(c.norm_eps)},
                         {"rope_theta", checkpoint::shortest(c.rope_base)},
                         {"rope_scaling", rope_scaling_json(c.rope_scaling)}};
  const nlohmann::json window = c.window > 0 ? nlohmann::json(c.window) : nlohmann::json();
  if (c.attention_bias) {
    json["architectures"] = {"Qwen2ForCausalLM"};
    json["model_type"] = "qwen2";
    json["use_sliding_window"] = c.window > 0;
    json["max_window_layers"] = c.window > 0 ? 0U : c.layers;
    json["sliding_window"] = window;
  } else if (c.window > 0) {
    json["architectures"] = {"MistralForCausalLM"};
    json["model_type"] = "mistral";
    json["sliding_window"] = window;
  }
  return json;
}

inline nlohmann::json opt_config_json(const model::Config& c) {
  constexpr float eps = 1e-5F;  // of PyTorch's LayerNorm: OPT's config has no field for it
  require(c.norm_eps == eps, "norm_eps = {}: a Hugging Face model of the OPT family has {}", c.norm_eps, eps);
  return {{"architectures", {"OPTForCausalLM"}},
          {"model_type", "opt"},
          {"activation_function", "relu"},
          {"ffn_dim", c.ffn},
          {"do_layer_norm_before", c.pre_norm},
          {"word_embed_proj_dim", c.embedded()},
          {"enable_bias", true},
          {"layer_norm_elementwise_affine", true},
          {"_remove_final_layer_norm", false}};
}

}  // namespace detail

/// config.json of a shape, for transformers 4 and 5. A shape is named by what it computes: LLaMA, Mistral
/// where there is a window, Qwen2 where q, k and v have biases, OPT. `tokens` are fields that come from the
/// tokenizer (`bos_token_id`, ...). Throws Error for what no config can say.
inline nlohmann::json hugging_face_config(const model::Config& c, checkpoint::SafetensorsType type,
                                          const nlohmann::json& tokens) {
  nlohmann::json json =
      c.family == model::Family::opt ? detail::opt_config_json(c) : detail::llama_config_json(c);
  json["vocab_size"] = c.vocab;
  json["hidden_size"] = c.width;
  json["num_hidden_layers"] = c.layers;
  json["num_attention_heads"] = c.heads;
  json["max_position_embeddings"] = c.context;
  json["tie_word_embeddings"] = c.tied;
  json["torch_dtype"] = type == checkpoint::SafetensorsType::F32 ? "float32" : "bfloat16";
  json.update(tokens);
  return json;
}

/// Writes config.json and model.safetensors into an existing folder. Throws Error naming the file when the
/// disk refuses.
inline void write_hugging_face(const std::filesystem::path& folder, const model::Parameters& theta,
                               checkpoint::SafetensorsType type, const nlohmann::json& tokens) {
  const model::Config& config = theta.config();
  const nlohmann::json described = hugging_face_config(config, type, tokens);
  const checkpoint::Naming naming = naming_of(config);
  std::vector<checkpoint::SafetensorsSpec> specs;
  for (const model::Tensor& tensor : theta.tensors()) {
    std::vector<std::uint64_t> shape{tensor.cols};
    const bool vector = tensor.rows == 1 && (tensor.name.ends_with("norm") || tensor.name.ends_with(".bias"));
    if (!vector) shape.insert(shape.begin(), tensor.rows);
    specs.push_back({checkpoint::hugging_face_name(tensor.name, naming, checkpoint::default_prefix(naming)),
                     std::move(shape)});
  }
  const std::vector<checkpoint::SafetensorsSpec> names = specs;
  checkpoint::SafetensorsWriter file(folder / "model.safetensors", std::move(specs), type);
  std::vector<float> rows;
  for (std::size_t i = 0; i < theta.tensors().size(); ++i) {
    const auto size = static_cast<std::size_t>(theta.tensors()[i].size());
    rows.assign(theta.data(i), theta.data(i) + size);
    to_rotary_halves(rows, config, theta.tensors()[i]);
    file.tensor(names[i].name, rows);
  }
  file.finish();
  zofo::AtomicFile text(folder / "config.json");
  text.write(described.dump(2) + "\n");
  text.commit();
}

/// Copies the tokenizer's files that a Hugging Face folder has; says how many. Throws Error naming a file
/// that cannot be copied.
inline std::size_t copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::size_t copied = 0;
  for (const char* name :
       {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "merges.txt",
        "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"}) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(from / name, error)) continue;
    std::filesystem::copy_file(from / name, to / name, error);
    require(!error, "{}: cannot be copied: {}", (from / name).string(), error.message());
    ++copied;
  }
  return copied;
}

}  // namespace zofo::llm
