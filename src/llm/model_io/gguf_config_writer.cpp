#include "gguf_config_writer.hpp"

#include <cmath>
#include <cstddef>
#include <string>

#include "architectures.hpp"
#include "gguf_rope.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/gguf_config.hpp"

namespace zofo::llm::detail {

namespace {

using model::Architecture;

// The period whose last layers `special` names, and no others. Throws Error if there is none.
template <class Special>
std::uint32_t period_of(const model::Config& c, const Special& special) {
  std::uint32_t period = 1;
  while (period <= c.layers && !special(period - 1)) ++period;
  for (std::uint32_t l = 0; l < c.layers; ++l)
    require(special(l) == ((l + 1) % period == 0),
            "the kinds of layers do not repeat: no GGUF key of architecture '{}' describes them",
            names_of(c.architecture).gguf);
  return period;
}

void put_gemma(checkpoint::GgufWriter& file, const std::string& prefix, const model::Config& c) {
  const bool second = c.architecture == Architecture::gemma2;
  require(c.attention_scale == gemma_score_scale(c),
          "attention_scale = {}: llama.cpp assumes {} (0: 1/sqrt(head_dim)) and has no key for it",
          c.attention_scale, gemma_score_scale(c));
  require(!second || (c.attention_cap > 0.0F && c.logit_cap > 0.0F),
          "attention_cap = {}, logit_cap = {}: llama.cpp caps both for architecture 'gemma2'",
          c.attention_cap, c.logit_cap);
  if (second) file.number(prefix + "attn_logit_softcapping", c.attention_cap);
  if (c.logit_cap > 0.0F) file.number(prefix + "final_logit_softcapping", c.logit_cap);
  file.unsigned_integer(prefix + "attention.sliding_window", c.window > 0 ? c.window : c.context);
  if (second && c.window == 0) return;
  const std::uint32_t usual = second ? 2 : 6;
  const std::uint32_t period = period_of(c, [&](std::uint32_t l) {
    return second ? c.window_of(l) == 0 : c.rope_of(l) != model::LayerRope::local;
  });
  if (period != usual) file.unsigned_integer(prefix + "attention.sliding_window_pattern", period);
}

void put_granite(checkpoint::GgufWriter& file, const std::string& prefix, const model::Config& c) {
  file.number(prefix + "embedding_scale", c.embedding_scale);
  file.number(prefix + "residual_scale", c.residual_scale);
  file.number(prefix + "attention.scale", c.score_scale());
  file.number(prefix + "logit_scale", static_cast<float>(1.0 / static_cast<double>(c.logit_scale)));
}

}  // namespace

model::Architecture architecture_in_gguf(const model::Config& c) {
  if (c.architecture == Architecture::mistral || c.architecture == Architecture::llama) {
    // llama.cpp reads Qwen 2's biases from files of either; these files are Qwen 2's.
    return c.qkv_bias && !c.output_bias ? Architecture::qwen2 : Architecture::llama;
  }
  return c.architecture;
}

void write_gguf_config(checkpoint::GgufWriter& file, const model::Config& c) {
  const Architecture architecture = architecture_in_gguf(c);
  const std::string prefix = std::string(names_of(architecture).gguf) + ".";
  file.unsigned_integer(prefix + "embedding_length", c.width);
  file.unsigned_integer(prefix + "block_count", c.layers);
  file.unsigned_integer(prefix + "attention.head_count", c.heads);
  file.unsigned_integer(prefix + "attention.head_count_kv", c.kv_heads);
  file.unsigned_integer(prefix + "attention.key_length", c.head_dim);
  file.unsigned_integer(prefix + "attention.value_length", c.head_dim);
  file.unsigned_integer(prefix + "feed_forward_length", c.ffn);
  file.unsigned_integer(prefix + "context_length", c.context);
  file.unsigned_integer(prefix + "vocab_size", c.vocab);
  if (architecture == Architecture::opt) {
    file.number(prefix + "attention.layer_norm_epsilon", c.norm_eps);
    file.boolean(gguf_keys::pre_norm, !c.norms_sums());
    file.unsigned_integer(gguf_keys::embedding_width, c.embedded());
    return;
  }
  file.number(prefix + "attention.layer_norm_rms_epsilon", c.norm_eps);
  write_gguf_rope(file, prefix, c);
  if (names_of(architecture).naming == checkpoint::Naming::gemma) return put_gemma(file, prefix, c);
  if (c.window > 0) file.unsigned_integer(prefix + "attention.sliding_window", c.window);
  if (architecture == Architecture::granite) put_granite(file, prefix, c);
  if (architecture == Architecture::smollm3)
    for (std::uint32_t l = 0; l < c.layers; ++l)
      require(c.window == 0 && (c.rope_of(l) == model::LayerRope::none) == ((l + 1) % 4 == 0),
              "layer {}: llama.cpp assumes no rotary positions in every fourth layer, and no windows, for "
              "architecture 'smollm3'",
              l);
  else
    require(c.kinds.empty(), "windows of some layers: no GGUF key of architecture '{}' describes them",
            names_of(architecture).gguf);
}

}  // namespace zofo::llm::detail
