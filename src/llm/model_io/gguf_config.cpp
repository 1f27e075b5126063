#include "zofo/model_io/gguf_config.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "architectures.hpp"
#include "gguf_keys.hpp"
#include "gguf_rope.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

using detail::GgufKeys;
using model::Architecture;

// Keys that change what a model computes; a reader that does not use one refuses values that are not neutral.
struct MeaningfulKey {
  std::string_view key;
  double neutral;
};
constexpr MeaningfulKey meaningful_keys[] = {{"attention.scale", 0.0},
                                             {"attention.clamp_kqv", 0.0},
                                             {"attention.max_alibi_bias", 0.0},
                                             {"attention.temperature_scale", 0.0},
                                             {"attention.sliding_window", 0.0},
                                             {"attn_logit_softcapping", 0.0},
                                             {"final_logit_softcapping", 0.0},
                                             {"logit_scale", 1.0},
                                             {"residual_scale", 1.0},
                                             {"embedding_scale", 1.0},
                                             {"expert_count", 0.0}};

void check_unused(const GgufKeys& keys) {
  for (const auto& [key, neutral] : meaningful_keys) {
    if (!keys.has(key) || keys.used(key)) continue;
    const double value = keys.any_number(key);
    require(value == neutral || value == 0.0, "{}: {} = {}: not supported for this architecture", keys.name(),
            keys.full(key), value);
  }
  constexpr const char* causal = "attention.causal";
  require(!keys.has(causal) || keys.file().boolean(keys.full(causal)), "{}: {} = false: not supported",
          keys.name(), keys.full(causal));
}

void read_vocabulary(const checkpoint::GgufFile& file, model::Config& c) {
  const auto& embedding = file.tensor("token_embd.weight");
  require(embedding.shape.size() == 2 && embedding.shape[1] <= (1U << 22U),
          "{}: token_embd.weight: must be a matrix of at most 2^22 rows", file.path().string());
  c.vocab = static_cast<std::uint32_t>(embedding.shape[1]);
  c.tied = !file.has_tensor("output.weight");
}

void read_opt_keys(const GgufKeys& keys, model::Config& c) {
  c.norm_eps = keys.number("attention.layer_norm_epsilon");
  if (!keys.file().boolean(gguf_keys::pre_norm)) c.placement = model::NormPlacement::after_sum;
  const std::uint32_t embedded = keys.exact(gguf_keys::embedding_width);
  c.embedding_width = embedded == c.width ? 0 : embedded;
}

// Whether layer l of a model whose windows or positions repeat every `period` layers is not the period's
// last.
bool within(std::uint32_t l, std::uint32_t period) { return (l + 1) % period != 0; }

void read_gemma_keys(const GgufKeys& keys, model::Config& c) {
  const bool second = c.architecture == Architecture::gemma2;
  c.activation = model::MlpActivation::geglu;
  c.placement = model::NormPlacement::around;
  c.gain_offset = 1.0F;
  if (!second) c.qk_norm = model::QkNorm::heads;
  c.embedding_scale = std::sqrt(static_cast<float>(c.width));
  c.attention_scale = detail::gemma_score_scale(c);
  if (second) c.attention_cap = keys.number_or("attn_logit_softcapping", 50.0F);
  c.logit_cap = keys.number_or("final_logit_softcapping", second ? 30.0F : 0.0F);
  constexpr const char* pattern = "attention.sliding_window_pattern";
  const std::uint32_t period = keys.integer_or(pattern, second ? 2 : 6);
  require(period >= 1, "{}: {} = 0: must be at least 1", keys.name(), keys.full(pattern));
  if (second && c.window == 0) c.window = 4096;
  const bool local = !second && c.window > 0;  // llama.cpp's layers without windows have global positions
  if (local) c.local_rope_base = keys.number_or("rope.freq_base_swa", 10000.0F);
  for (std::uint32_t l = 0; l < c.layers; ++l)
    c.kinds.push_back({c.window > 0 && within(l, period),
                       local && within(l, period) ? model::LayerRope::local : model::LayerRope::global});
}

void read_granite_keys(const GgufKeys& keys, model::Config& c) {
  c.embedding_scale = keys.number_or("embedding_scale", 1.0F);
  c.scales_prompts = c.embedding_scale != 1.0F;
  c.residual_scale = keys.number_or("residual_scale", 1.0F);
  c.logit_scale = static_cast<float>(1.0 / static_cast<double>(keys.number_or("logit_scale", 1.0F)));
  const float scale = keys.number_or("attention.scale", 0.0F);
  c.attention_scale = scale == 1.0F / std::sqrt(static_cast<float>(c.head_dim)) ? 0.0F : scale;
}

void read_llama_like_keys(const GgufKeys& keys, model::Config& c) {
  const checkpoint::GgufFile& file = keys.file();
  c.norm_eps = keys.number("attention.layer_norm_rms_epsilon");
  c.qkv_bias = file.has_tensor("blk.0.attn_q.bias") || file.has_tensor("blk.0.attn_qkv.bias");
  c.output_bias = file.has_tensor("blk.0.attn_output.bias");
  c.mlp_bias = file.has_tensor("blk.0.ffn_down.bias");
  detail::read_gguf_rope(keys, c);
  const Architecture a = c.architecture;
  if (a != Architecture::olmo2 && a != Architecture::granite && a != Architecture::smollm3)
    c.window = keys.integer_or("attention.sliding_window", 0);
  if (a == Architecture::qwen3) c.qk_norm = model::QkNorm::heads;
  if (a == Architecture::olmo2) {
    c.qk_norm = model::QkNorm::rows;
    c.placement = model::NormPlacement::after;
  }
  if (a == Architecture::smollm3)
    for (std::uint32_t l = 0; l < c.layers; ++l)
      c.kinds.push_back({true, within(l, 4) ? model::LayerRope::global : model::LayerRope::none});
  if (a == Architecture::granite) read_granite_keys(keys, c);
  if (a == Architecture::gemma2 || a == Architecture::gemma3) read_gemma_keys(keys, c);
}

// The architecture of a name; Mistral's files have LLaMA's.
Architecture read_architecture(const std::string& file, const std::string& given) {
  std::vector<std::string_view> known;
  for (const detail::ArchitectureNames& names : detail::architecture_names) {
    if (names.gguf == given) return names.architecture;
    if (names.architecture != Architecture::mistral) known.push_back(names.gguf);
  }
  fail("{}: general.architecture = '{}': must be one of {}", file, given, fmt::join(known, ", "));
}

}  // namespace

model::Config read_gguf_config(const checkpoint::GgufFile& file) {
  const std::string name = file.path().string();
  constexpr const char* type = "general.type";
  require(!file.has(type) || file.string(type) == "model", "{}: {} = '{}': must be model", name, type,
          file.has(type) ? file.string(type) : "");
  const std::string architecture = file.string("general.architecture");
  const Architecture read = read_architecture(name, architecture);
  const GgufKeys keys(file, architecture);
  model::Config c = read == Architecture::opt ? model::opt_parts() : model::Config();
  c.architecture = read;
  c.width = keys.integer("embedding_length");
  c.layers = keys.integer("block_count");
  require(c.layers <= 1U << 10U, "{}: {} = {}: must be at most {}", name, keys.full("block_count"), c.layers,
          1U << 10U);
  c.heads = keys.integer("attention.head_count");
  c.kv_heads = keys.integer_or("attention.head_count_kv", c.heads);
  c.ffn = keys.integer("feed_forward_length");
  c.context = keys.integer("context_length");
  require(c.heads >= 1, "{}: {} = 0: must be at least 1", name, keys.full("attention.head_count"));
  c.head_dim = keys.integer_or("attention.key_length", c.width / c.heads);
  require(keys.integer_or("attention.value_length", c.head_dim) == c.head_dim,
          "{}: {} differs from the keys' {}: not supported", name, keys.full("attention.value_length"),
          c.head_dim);
  read_vocabulary(file, c);
  if (read == Architecture::opt)
    read_opt_keys(keys, c);
  else
    read_llama_like_keys(keys, c);
  check_unused(keys);
  detail::tidy(c);
  return c;
}

}  // namespace zofo::llm
