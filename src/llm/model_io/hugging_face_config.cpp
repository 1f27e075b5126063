#include "zofo/model_io/hugging_face_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "architectures.hpp"
#include "hugging_face_rope.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

using checkpoint::JsonFields;
using model::Architecture;

// What the classes of the LLaMA type assume where config.json has no field, and which fields they read.
struct ClassRules {
  std::uint32_t head_dim = 0;   // 0: hidden_size / num_attention_heads
  bool all_key_heads = false;   // num_key_value_heads: as many as query heads; else the field must be there
  bool tied = false;            // tie_word_embeddings
  bool attention_bias = false;  // reads attention_bias: of q, k, v and the output projection
  bool mlp_bias = false;        // reads mlp_bias
  std::uint32_t window = 0;     // sliding_window; 0: none
  bool windows = false;         // reads sliding_window
  bool gelu = false;            // hidden_activation is gelu_pytorch_tanh; else hidden_act is silu
  detail::RopeDefaults rope;
};

ClassRules rules_of(Architecture architecture) {
  ClassRules r;
  switch (architecture) {
    case Architecture::llama:
      r.all_key_heads = r.attention_bias = r.mlp_bias = true;
      break;
    case Architecture::mistral:
      r.window = 4096;
      r.windows = true;
      break;
    case Architecture::qwen2:
      r.windows = true;
      break;
    case Architecture::qwen3:
      r.head_dim = 128;
      r.windows = r.attention_bias = true;
      break;
    case Architecture::smollm3:
      r.tied = r.windows = r.attention_bias = r.mlp_bias = true;
      r.rope.base = 2e6;
      break;
    case Architecture::phi3:
      r.all_key_heads = r.windows = r.rope.partial = true;
      break;
    case Architecture::granite:
      r.all_key_heads = r.attention_bias = r.mlp_bias = true;
      break;
    case Architecture::olmo2:
      r.all_key_heads = r.attention_bias = true;
      break;
    case Architecture::gemma2:
    case Architecture::gemma3:
      r.head_dim = 256;
      r.window = 4096;
      r.windows = r.tied = r.gelu = r.attention_bias = true;
      r.rope.by_layer = architecture == Architecture::gemma3;
      r.rope.base = r.rope.by_layer ? 1e6 : 1e4;
      break;
    case Architecture::opt:
      break;
  }
  return r;
}

// Throws Error unless the field is missing or has the only supported value.
void only(const JsonFields& file, std::string_view field, const nlohmann::json& value) {
  if (file.has(field) && file.at(field) != value)
    file.refuse(field, fmt::format("{} (or missing)", value.dump()));
}

void read_sizes(const JsonFields& file, std::uint32_t head_dim, model::Config& c) {
  c.vocab = file.integer("vocab_size", 1);
  c.width = file.integer("hidden_size", 1);
  c.layers = file.integer("num_hidden_layers", 1, 1U << 10U);
  c.heads = file.integer("num_attention_heads", 1);
  c.context = file.integer("max_position_embeddings", 1);
  if (head_dim == 0 && !file.has("head_dim") && c.width % c.heads != 0)
    file.refuse("num_attention_heads", fmt::format("a divisor of hidden_size = {}", c.width));
  c.head_dim = file.integer_or("head_dim", head_dim > 0 ? head_dim : c.width / c.heads);
}

// A list with one entry for each layer.
const nlohmann::json& layer_list(const JsonFields& file, const char* field, std::uint32_t layers) {
  const nlohmann::json& list = file.at(field);
  if (!list.is_array() || list.size() != layers)
    file.refuse(field, fmt::format("a list of {} entries, one for each layer", layers));
  return list;
}

// Which layers have the window: layer_types, or what `otherwise` returns for each.
template <class Otherwise>
std::vector<bool> read_windowed(const JsonFields& file, std::uint32_t layers, const Otherwise& otherwise) {
  std::vector<bool> windowed;
  constexpr const char* field = "layer_types";
  for (std::uint32_t l = 0; l < layers; ++l) {
    if (!file.has(field)) {
      windowed.push_back(otherwise(l));
      continue;
    }
    const nlohmann::json& type = layer_list(file, field, layers)[l];
    if (type != "sliding_attention" && type != "full_attention")
      file.refuse(field, "a list of \"full_attention\" and \"sliding_attention\"");
    windowed.push_back(type == "sliding_attention");
  }
  return windowed;
}

// The layers of SmolLM 3 with rotary positions.
std::vector<bool> read_rotary_layers(const JsonFields& file, std::uint32_t layers) {
  std::vector<bool> rotary;
  if (!file.has("no_rope_layers")) {
    const std::uint32_t interval =
        file.has("no_rope_layer_interval") ? file.integer("no_rope_layer_interval", 1) : 4;
    for (std::uint32_t l = 0; l < layers; ++l) rotary.push_back((l + 1) % interval != 0);
    return rotary;
  }
  for (const nlohmann::json& each : layer_list(file, "no_rope_layers", layers)) {
    if (each != 0 && each != 1) file.refuse("no_rope_layers", "a list of 0 and 1");
    rotary.push_back(each == 1);
  }
  return rotary;
}

// sliding_window: null means none, unlike a missing field.
std::uint32_t read_window(const JsonFields& file, std::uint32_t otherwise) {
  if (file.has("sliding_window")) return file.integer("sliding_window", 1);
  return file.object().contains("sliding_window") ? 0 : otherwise;
}

// The attention window, which layers have it, and which have which rotary positions.
void read_layers(const JsonFields& file, const ClassRules& rules, model::Config& c) {
  const Architecture architecture = c.architecture;
  if (!rules.windows) return;
  c.window = read_window(file, rules.window);
  const bool optional = architecture == Architecture::qwen2 || architecture == Architecture::qwen3 ||
                        architecture == Architecture::smollm3;
  const bool used = !optional || file.boolean_or("use_sliding_window", false);
  if (!used) c.window = 0;
  std::vector<bool> rotary(c.layers, true);
  if (architecture == Architecture::smollm3) rotary = read_rotary_layers(file, c.layers);
  const std::uint32_t first =
      optional && file.has("max_window_layers") ? file.integer("max_window_layers") : 28;
  std::uint32_t period = architecture == Architecture::gemma2 ? 2 : 6;
  if (architecture == Architecture::gemma3 && file.has("sliding_window_pattern"))
    period = file.integer("sliding_window_pattern", 1);
  const bool gemma = architecture == Architecture::gemma2 || architecture == Architecture::gemma3;
  const std::vector<bool> windowed = read_windowed(file, c.layers, [&](std::uint32_t l) {
    if (gemma) return (l + 1) % period != 0;
    if (architecture == Architecture::smollm3) return c.window > 0 && !rotary[l];
    return c.window > 0 && (!optional || l >= first);
  });
  require(c.window > 0 || gemma || std::ranges::find(windowed, true) == windowed.end(),
          "{}: layer_types: a layer has sliding attention, but sliding_window is not {}", file.location(),
          used ? "there" : "used (use_sliding_window)");
  for (std::uint32_t l = 0; l < c.layers; ++l) {
    const bool local = architecture == Architecture::gemma3 && windowed[l];
    c.kinds.push_back({windowed[l] && c.window > 0, !rotary[l] ? model::LayerRope::none
                                                    : local    ? model::LayerRope::local
                                                               : model::LayerRope::global});
  }
}

// A scale of scores; 0 where it is the usual one.
float score_scale(double scale, std::uint32_t head_dim) {
  const auto value = static_cast<float>(scale);
  return value == 1.0F / std::sqrt(static_cast<float>(head_dim)) ? 0.0F : value;
}

void read_gemma(const JsonFields& file, model::Config& c) {
  const bool second = c.architecture == Architecture::gemma2;
  c.placement = model::NormPlacement::around;
  c.gain_offset = 1.0F;
  if (!second) c.qk_norm = model::QkNorm::heads;
  c.embedding_scale = std::sqrt(static_cast<float>(c.width));
  const double scalar = file.number_or("query_pre_attn_scalar", 256.0);
  if (!(scalar > 0.0)) file.refuse("query_pre_attn_scalar", "positive");
  c.attention_scale = score_scale(1.0 / std::sqrt(scalar), c.head_dim);
  // null means none, unlike a missing field.
  const auto cap = [&](const char* field, double otherwise) {
    if (file.has(field)) return static_cast<float>(file.number(field));
    return file.object().contains(field) || !second ? 0.0F : static_cast<float>(otherwise);
  };
  c.logit_cap = cap("final_logit_softcapping", 30.0);
  if (second)
    c.attention_cap = cap("attn_logit_softcapping", 50.0);
  else
    only(file, "attn_logit_softcapping", nullptr);  // Gemma 3's class does not read it
  only(file, "use_bidirectional_attention", false);
}

void read_granite(const JsonFields& file, model::Config& c) {
  c.embedding_scale = static_cast<float>(file.number_or("embedding_multiplier", 1.0));
  c.scales_prompts = c.embedding_scale != 1.0F;
  c.residual_scale = static_cast<float>(file.number_or("residual_multiplier", 1.0));
  const double scale = file.number_or("attention_multiplier", 1.0);
  if (!(scale > 0.0)) file.refuse("attention_multiplier", "positive");
  c.attention_scale = score_scale(scale, c.head_dim);
  const double divisor = file.number_or("logits_scaling", 1.0);
  if (!(divisor > 0.0)) file.refuse("logits_scaling", "positive");
  c.logit_scale = static_cast<float>(1.0 / divisor);
}

model::Config read_llama_like(const JsonFields& file, Architecture architecture) {
  const ClassRules rules = rules_of(architecture);
  model::Config c;
  c.architecture = architecture;
  read_sizes(file, rules.head_dim, c);
  c.ffn = file.integer("intermediate_size", 1);
  c.kv_heads = rules.all_key_heads ? file.integer_or("num_key_value_heads", c.heads)
                                   : file.integer("num_key_value_heads");
  c.norm_eps = static_cast<float>(file.number("rms_norm_eps"));
  c.tied = file.boolean_or("tie_word_embeddings", rules.tied);
  c.qkv_bias = architecture == Architecture::qwen2;
  if (rules.attention_bias)
    c.qkv_bias = c.output_bias = file.boolean_or("attention_bias", false);
  else if (architecture != Architecture::qwen2)
    only(file, "attention_bias", false);
  if (rules.mlp_bias)
    c.mlp_bias = file.boolean_or("mlp_bias", false);
  else
    only(file, "mlp_bias", false);
  if (rules.gelu) {
    c.activation = model::MlpActivation::geglu;
    only(file, "hidden_activation", "gelu_pytorch_tanh");
  } else {
    only(file, "hidden_act", "silu");
  }
  if (architecture == Architecture::qwen3) c.qk_norm = model::QkNorm::heads;
  if (architecture == Architecture::olmo2) {
    c.qk_norm = model::QkNorm::rows;
    c.placement = model::NormPlacement::after;
  }
  read_rope(file, rules.rope, c);
  read_layers(file, rules, c);
  if (rules.gelu) read_gemma(file, c);
  if (architecture == Architecture::granite) read_granite(file, c);
  detail::tidy(c);
  return c;
}

model::Config read_opt(const JsonFields& file) {
  model::Config c = model::opt_parts();
  read_sizes(file, 0, c);
  c.kv_heads = c.heads;
  c.ffn = file.integer("ffn_dim", 1);
  c.tied = file.boolean_or("tie_word_embeddings", true);
  if (!file.boolean_or("do_layer_norm_before", true)) c.placement = model::NormPlacement::after_sum;
  const std::uint32_t embedded = file.integer_or("word_embed_proj_dim", c.width);
  c.embedding_width = embedded == c.width ? 0 : embedded;
  only(file, "activation_function", "relu");
  only(file, "enable_bias", true);
  only(file, "layer_norm_elementwise_affine", true);
  if (c.final_norm()) only(file, "_remove_final_layer_norm", false);
  return c;
}

}  // namespace

model::Config read_hugging_face_config(const JsonFields& file) {
  std::vector<std::string_view> known;
  for (const detail::ArchitectureNames& names : detail::architecture_names) known.push_back(names.class_name);
  const auto& named = file.at("architectures");
  const bool one = named.is_array() && named.size() == 1 && named[0].is_string();
  auto class_name = one ? named[0].get<std::string>() : std::string();
  if (class_name == "MinistralForCausalLM") class_name = "MistralForCausalLM";  // with layer_types
  const auto found = std::ranges::find(known, class_name);
  if (found == known.end())
    file.refuse("architectures", fmt::format("one of [\"{}\"]", fmt::join(known, "\"], [\"")));
  require(!file.has("quantization_config"), "{}: quantization_config: quantised weights are not supported",
          file.location());
  const auto& names = detail::architecture_names[static_cast<std::size_t>(found - known.begin())];
  return names.architecture == Architecture::opt ? read_opt(file) : read_llama_like(file, names.architecture);
}

}  // namespace zofo::llm
