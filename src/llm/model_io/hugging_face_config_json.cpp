#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "architectures.hpp"
#include "hugging_face_rope.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/hugging_face_config.hpp"

namespace zofo::llm {

namespace {

using checkpoint::shortest;
using model::Architecture;

// A number whose inverse, rounded to float, is `inverse`: the shortest one if there is one.
double inverse_of(float inverse) {
  const double exact = 1.0 / static_cast<double>(inverse), brief = shortest(static_cast<float>(exact));
  return static_cast<float>(1.0 / brief) == inverse ? brief : exact;
}

nlohmann::json layer_types_json(const model::Config& c) {
  nlohmann::json types = nlohmann::json::array();
  for (std::size_t l = 0; l < c.layers; ++l) {
    // Gemma 3's layers with a window are those with local positions, for any window.
    const bool sliding =
        c.architecture == Architecture::gemma3 ? c.rope_of(l) == model::LayerRope::local : c.window_of(l) > 0;
    types.push_back(sliding ? "sliding_attention" : "full_attention");
  }
  return types;
}

void put_windows(const model::Config& c, nlohmann::json& json) {
  const nlohmann::json window = c.window > 0 ? nlohmann::json(c.window) : nlohmann::json();
  switch (c.architecture) {
    case Architecture::qwen2:
    case Architecture::qwen3:
      json["use_sliding_window"] = c.window > 0;
      json["max_window_layers"] = c.window > 0 ? 0U : c.layers;
      json["sliding_window"] = window;
      if (!c.kinds.empty()) json["layer_types"] = layer_types_json(c);
      break;
    case Architecture::smollm3:
      json["use_sliding_window"] = c.window > 0;
      json["sliding_window"] = window;
      json["layer_types"] = layer_types_json(c);
      json["no_rope_layers"] = nlohmann::json::array();
      for (std::size_t l = 0; l < c.layers; ++l)
        json["no_rope_layers"].push_back(c.rope_of(l) == model::LayerRope::none ? 0 : 1);
      break;
    case Architecture::mistral:
      json["sliding_window"] = window;
      if (c.kinds.empty()) break;
      json["architectures"] = {"MinistralForCausalLM"};
      json["model_type"] = "ministral";
      json["layer_types"] = layer_types_json(c);
      break;
    case Architecture::phi3:
      json["sliding_window"] = window;
      break;
    case Architecture::gemma2:
    case Architecture::gemma3:
      json["sliding_window"] = c.window > 0 ? c.window : c.context;
      json["layer_types"] = layer_types_json(c);
      break;
    default:
      break;
  }
}

void put_gemma(const model::Config& c, nlohmann::json& json) {
  json.erase("hidden_act");
  json["hidden_activation"] = "gelu_pytorch_tanh";
  const auto cap = [](float value) {
    return value > 0.0F ? nlohmann::json(shortest(value)) : nlohmann::json();
  };
  json["final_logit_softcapping"] = cap(c.logit_cap);
  if (c.architecture == Architecture::gemma2) json["attn_logit_softcapping"] = cap(c.attention_cap);
  const double scale = static_cast<double>(c.score_scale());
  json["query_pre_attn_scalar"] = static_cast<std::int64_t>(std::llround(1.0 / (scale * scale)));
}

nlohmann::json llama_like_json(const model::Config& c) {
  nlohmann::json json = {{"hidden_act", "silu"},
                         {"intermediate_size", c.ffn},
                         {"num_key_value_heads", c.kv_heads},
                         {"head_dim", c.head_dim},
                         {"rms_norm_eps", shortest(c.norm_eps)},
                         {"pad_token_id", nullptr}};  // a class's default may be outside of the vocabulary
  json.update(detail::rope_json(c));
  const detail::ArchitectureNames& names = detail::names_of(c.architecture);
  json["architectures"] = {names.class_name};
  json["model_type"] = names.model_type;
  if (c.output_bias) json["attention_bias"] = true;
  if (c.mlp_bias) json["mlp_bias"] = true;
  put_windows(c, json);
  if (names.naming == checkpoint::Naming::gemma) put_gemma(c, json);
  if (c.architecture == Architecture::granite) {
    json["embedding_multiplier"] = shortest(c.embedding_scale);
    json["residual_multiplier"] = shortest(c.residual_scale);
    json["attention_multiplier"] = shortest(c.score_scale());
    json["logits_scaling"] = inverse_of(c.logit_scale);
  }
  return json;
}

nlohmann::json opt_json(const model::Config& c) {
  constexpr float eps = 1e-5F;  // PyTorch's default: OPT's config has no field for it
  require(c.norm_eps == eps, "norm_eps = {}: a Hugging Face model of the OPT family has {}", c.norm_eps, eps);
  return {{"architectures", {"OPTForCausalLM"}},
          {"model_type", "opt"},
          {"activation_function", "relu"},
          {"ffn_dim", c.ffn},
          {"do_layer_norm_before", !c.norms_sums()},
          {"word_embed_proj_dim", c.embedded()},
          {"enable_bias", true},
          {"layer_norm_elementwise_affine", true},
          {"_remove_final_layer_norm", false}};
}

nlohmann::json config_json(const model::Config& c) {
  nlohmann::json json = c.architecture == Architecture::opt ? opt_json(c) : llama_like_json(c);
  json["vocab_size"] = c.vocab;
  json["hidden_size"] = c.width;
  json["num_hidden_layers"] = c.layers;
  json["num_attention_heads"] = c.heads;
  json["max_position_embeddings"] = c.context;
  json["tie_word_embeddings"] = c.tied;
  return json;
}

// Whether an architecture's class computes what the shape describes: its config.json is read as the same
// shape.
bool expresses(Architecture architecture, model::Config c) {
  c.architecture = architecture;
  if ((architecture == Architecture::opt) != (c.norm == model::NormKind::layer)) return false;
  return read_hugging_face_config(checkpoint::JsonFields(config_json(c), "config.json")) == c;
}

}  // namespace

model::Architecture hugging_face_architecture(const model::Config& c) {
  if (expresses(c.architecture, c)) return c.architecture;
  for (const detail::ArchitectureNames& names : detail::architecture_names) {
    try {
      if (expresses(names.architecture, c)) return names.architecture;
    } catch (const Error&) {
      continue;  // its config.json would be refused
    }
  }
  fail("{}: no class of Hugging Face's transformers that this library knows computes what this model does",
       detail::names_of(c.architecture).class_name);
}

nlohmann::json hugging_face_config(const model::Config& c, checkpoint::SafetensorsType type,
                                   const nlohmann::json& tokens) {
  model::Config named = c;
  named.architecture = hugging_face_architecture(c);
  nlohmann::json json = config_json(named);
  json["torch_dtype"] = type == checkpoint::SafetensorsType::F32 ? "float32" : "bfloat16";
  json.update(tokens);
  return json;
}

}  // namespace zofo::llm
