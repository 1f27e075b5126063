#include "zofo/model_io/hugging_face_config.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

using checkpoint::JsonFields;

// Throws Error unless the field is missing or has the only supported value.
void only(const JsonFields& file, std::string_view field, const nlohmann::json& value) {
  if (file.has(field) && file.at(field) != value)
    file.refuse(field, fmt::format("{} (or missing)", value.dump()));
}

model::RopeScaling read_rope_scaling(const JsonFields& rope, std::uint32_t context) {
  using Kind = model::RopeScaling::Kind;
  only(rope, "partial_rotary_factor", 1.0);
  model::RopeScaling scaling;
  const std::string_view field = rope.has("rope_type") ? "rope_type" : "type";  // transformers before 4.43
  const std::string type = rope.has(field) ? rope.string(field) : "default";
  if (type == "default") return scaling;
  if (type != "linear" && type != "llama3") rope.refuse(field, "default, linear or llama3");
  scaling.factor = static_cast<float>(rope.number("factor"));
  scaling.kind = type == "linear" ? Kind::linear : Kind::llama3;
  if (type == "linear") return scaling;
  scaling.low_freq_factor = static_cast<float>(rope.number("low_freq_factor"));
  scaling.high_freq_factor = static_cast<float>(rope.number("high_freq_factor"));
  scaling.original_context = rope.integer_or("original_max_position_embeddings", context);
  return scaling;
}

// `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` of earlier versions.
void read_rope(const JsonFields& file, model::Config& c) {
  only(file, "partial_rotary_factor", 1.0);
  require(!(file.has("rope_parameters") && file.has("rope_scaling")),
          "{}: rope_scaling and rope_parameters: only one of them is allowed", file.location());
  double base = file.number_or("rope_theta", 10000.0);
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    if (!file.has(field)) continue;
    const JsonFields rope = file.fields(field);
    base = rope.number_or("rope_theta", base);
    c.rope_scaling = read_rope_scaling(rope, c.context);
  }
  c.rope_base = static_cast<float>(base);
}

// The attention window in tokens, 0 without one; it must be the same in all layers.
std::uint32_t read_window(const JsonFields& file, std::uint32_t layers, bool qwen2) {
  if (!file.has("sliding_window")) return 0;
  const std::uint32_t window = file.integer("sliding_window", 1);
  if (!qwen2) return window;
  if (!file.boolean_or("use_sliding_window", false)) return 0;
  std::uint32_t sliding = layers - std::min(layers, file.integer("max_window_layers"));
  if (file.has("layer_types")) {
    const auto& types = file.at("layer_types");
    if (!types.is_array()) file.refuse("layer_types", "a list");
    sliding = static_cast<std::uint32_t>(std::ranges::count(types, "sliding_attention"));
  }
  require(sliding == 0 || sliding == layers,
          "{}: use_sliding_window = true: {} of {} layers have a window: must be all or none",
          file.location(), sliding, layers);
  return sliding == 0 ? 0 : window;
}

void read_sizes(const JsonFields& file, model::Config& c) {
  c.vocab = file.integer("vocab_size", 1);
  c.width = file.integer("hidden_size", 1);
  c.layers = file.integer("num_hidden_layers", 1);
  c.heads = file.integer("num_attention_heads", 1);
  c.context = file.integer("max_position_embeddings", 1);
  if (!file.has("head_dim") && c.width % c.heads != 0)
    file.refuse("num_attention_heads", fmt::format("a divisor of hidden_size = {}", c.width));
  c.head_dim = file.integer_or("head_dim", c.width / c.heads);
}

model::Config read_llama_like(const JsonFields& file, const std::string& architecture) {
  const bool qwen2 = architecture == "Qwen2ForCausalLM";
  model::Config c;
  read_sizes(file, c);
  c.ffn = file.integer("intermediate_size", 1);
  // Only LLaMA's class has a default: as many key heads as query heads.
  c.kv_heads = architecture == "LlamaForCausalLM" ? file.integer_or("num_key_value_heads", c.heads)
                                                  : file.integer("num_key_value_heads");
  c.norm_eps = static_cast<float>(file.number("rms_norm_eps"));
  c.tied = file.boolean_or("tie_word_embeddings", false);
  c.attention_bias = qwen2;
  // LLaMA's `attention_bias` also adds a bias to the output projection, which this model does not have.
  if (!qwen2) only(file, "attention_bias", false);
  only(file, "mlp_bias", false);
  only(file, "hidden_act", "silu");
  read_rope(file, c);
  const std::uint32_t window = architecture == "LlamaForCausalLM" ? 0 : read_window(file, c.layers, qwen2);
  c.window = window < c.context ? window : 0;  // a window of the context or longer masks nothing
  return c;
}

model::Config read_opt(const JsonFields& file) {
  model::Config c;
  c.family = model::Family::opt;
  read_sizes(file, c);
  c.kv_heads = c.heads;
  c.ffn = file.integer("ffn_dim", 1);
  c.tied = file.boolean_or("tie_word_embeddings", true);
  c.pre_norm = file.boolean_or("do_layer_norm_before", true);
  const std::uint32_t embedded = file.integer_or("word_embed_proj_dim", c.width);
  c.embedding_width = embedded == c.width ? 0 : embedded;
  only(file, "activation_function", "relu");
  only(file, "enable_bias", true);
  only(file, "layer_norm_elementwise_affine", true);
  if (c.pre_norm) only(file, "_remove_final_layer_norm", false);
  return c;
}

// In the format of transformers 4, which version 5 reads too.
nlohmann::json rope_scaling_json(const model::RopeScaling& scaling) {
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

nlohmann::json llama_config_json(const model::Config& c) {
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

nlohmann::json opt_config_json(const model::Config& c) {
  constexpr float eps = 1e-5F;  // PyTorch's default: OPT's config has no field for it
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

}  // namespace

model::Config read_hugging_face_config(const checkpoint::JsonFields& file) {
  static constexpr std::array<std::string_view, 4> known{"LlamaForCausalLM", "MistralForCausalLM",
                                                         "Qwen2ForCausalLM", "OPTForCausalLM"};
  const auto& named = file.at("architectures");
  const bool one = named.is_array() && named.size() == 1 && named[0].is_string();
  if (!one || std::ranges::find(known, named[0].get<std::string>()) == known.end())
    file.refuse("architectures", fmt::format("one of [\"{}\"]", fmt::join(known, "\"], [\"")));
  require(!file.has("quantization_config"), "{}: quantization_config: quantised weights are not supported",
          file.location());
  const auto architecture = named[0].get<std::string>();
  return architecture == "OPTForCausalLM" ? read_opt(file) : read_llama_like(file, architecture);
}

nlohmann::json hugging_face_config(const model::Config& c, checkpoint::SafetensorsType type,
                                   const nlohmann::json& tokens) {
  nlohmann::json json = c.family == model::Family::opt ? opt_config_json(c) : llama_config_json(c);
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

}  // namespace zofo::llm
