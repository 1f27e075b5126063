/// @file Shape of a transformer.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/rope_scaling.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::model {

/// Which of Hugging Face's model classes a model's files belong to. It determines the names of fields and
/// weights, never what is computed: that follows from the other fields of Config.
enum class Architecture : std::uint8_t {
  llama,
  mistral,
  qwen2,
  qwen3,
  smollm3,
  phi3,
  granite,
  olmo2,
  gemma2,
  gemma3,
  opt
};

/// Kinds of norm. rms: RMSNorm (Zhang & Sennrich 2019), without bias. layer: LayerNorm (Ba et al. 2016).
enum class NormKind : std::uint8_t { rms, layer };

/// Where the norms of a block are. before: of the input of each sublayer (attention, MLP). after_sum: of each
/// sum of hidden states and sublayer output (OPT-350M). after: of the output of each sublayer, before it is
/// added (OLMo 2). around: of the input and of the output (Gemma 2).
enum class NormPlacement : std::uint8_t { before, after_sum, after, around };

/// The MLP's activation. swiglu: silu(gate)·up; geglu: gelu(gate)·up with the tanh approximation (Shazeer
/// 2020). relu: of the only projection.
enum class MlpActivation : std::uint8_t { swiglu, geglu, relu };

/// Norms of queries and keys before their rotation. heads: RMSNorm of each head, one gain for all (Qwen 3).
/// rows: RMSNorm of all queries of a token, and of all its keys (OLMo 2).
enum class QkNorm : std::uint8_t { none, heads, rows };

/// Rotary positions of a layer: none, those of rope_base and rope_scaling, or unscaled ones of
/// local_rope_base.
enum class LayerRope : std::uint8_t { none, global, local };

/// What differs from layer to layer.
struct LayerKind {
  bool windowed = true;                ///< attention has the model's window
  LayerRope rope = LayerRope::global;  ///< rotary positions
  /// Equality of all fields.
  friend bool operator==(const LayerKind&, const LayerKind&) = default;
};

/// Sizes and parts of a transformer with grouped-query attention.
struct Config {
  using RopeScaling = model::RopeScaling;  ///< scaling of rotary frequencies

  Architecture architecture = Architecture::llama;  ///< names in the model's files
  std::uint32_t vocab = 0;                          ///< tokens in the vocabulary
  std::uint32_t width = 0;                          ///< hidden size
  std::uint32_t layers = 0;                         ///< blocks
  std::uint32_t heads = 0;                          ///< query heads
  std::uint32_t kv_heads = 0;                       ///< key/value heads; divides `heads`
  std::uint32_t head_dim = 0;                       ///< entries of a head, even
  std::uint32_t ffn = 0;                            ///< hidden size of the MLP
  std::uint32_t context = 0;                        ///< longest sequence
  bool tied = true;                                 ///< output head shares the embedding
  /// Entries of an embedded token, which matrices without bias project to and from `width` (OPT-350M); 0:
  /// width.
  std::uint32_t embedding_width = 0;

  NormKind norm = NormKind::rms;                     ///< kind of the norms
  NormPlacement placement = NormPlacement::before;   ///< where the norms are
  float norm_eps = 1e-5F;                            ///< added to the mean square or variance in the norms
  float gain_offset = 0.0F;                          ///< added to the gain of every norm (Gemma: 1)
  QkNorm qk_norm = QkNorm::none;                     ///< norms of queries and keys
  MlpActivation activation = MlpActivation::swiglu;  ///< of the MLP
  ///@{
  /// Biases on q, k and v; on attention's output projection; on the projections of the MLP.
  bool qkv_bias = false, output_bias = false, mlp_bias = false;
  ///@}

  bool rotary = true;                 ///< positions are rotary; else they are learned
  std::uint32_t position_offset = 0;  ///< rows of padding before the table of learned positions (OPT: 2)
  std::uint32_t rotary_dim = 0;       ///< first entries of a head that are rotated, even; 0: all
  float rope_base = 10000.0F;         ///< base of the rotary frequencies
  float local_rope_base = 0.0F;       ///< base in layers of LayerRope::local; 0: there are none
  RopeScaling rope_scaling;           ///< for contexts longer than those of pretraining
  /// Keys that a query attends to in windowed layers, its own the last of them; 0: all up to its own.
  std::uint32_t window = 0;
  std::vector<LayerKind> kinds{};  ///< of each layer; empty: all layers are as LayerKind's defaults

  float embedding_scale = 1.0F;  ///< multiplies embedded tokens
  bool scales_prompts = false;   ///< embedding_scale multiplies vectors of prompts, too
  float residual_scale = 1.0F;   ///< multiplies what a sublayer adds to the hidden states
  float attention_scale = 0.0F;  ///< multiplies scores; 0: 1/√head_dim
  float attention_cap = 0.0F;    ///< scores become cap·tanh(score/cap); 0: no cap
  float logit_scale = 1.0F;      ///< multiplies logits
  float logit_cap = 0.0F;        ///< logits become cap·tanh(logit/cap); 0: no cap

  /// The MLP has a gate projection.
  [[nodiscard]] bool gated() const { return activation != MlpActivation::relu; }
  ///@{
  /// Norms are applied to the inputs of sublayers, to their outputs, to the sums of hidden states and
  /// outputs.
  [[nodiscard]] bool norms_inputs() const {
    return placement == NormPlacement::before || placement == NormPlacement::around;
  }
  [[nodiscard]] bool norms_outputs() const {
    return placement == NormPlacement::after || placement == NormPlacement::around;
  }
  [[nodiscard]] bool norms_sums() const { return placement == NormPlacement::after_sum; }
  ///@}
  /// What a sublayer computes is added to the hidden states as it is.
  [[nodiscard]] bool adds_plainly() const {
    return !norms_outputs() && !norms_sums() && residual_scale == 1.0F;
  }
  /// A norm follows the last block.
  [[nodiscard]] bool final_norm() const { return !norms_sums(); }
  /// The embedding is projected to the width of the blocks, and back before the head.
  [[nodiscard]] bool projected() const { return embedding_width > 0; }
  /// Logits are scaled or capped.
  [[nodiscard]] bool adjusts_logits() const { return logit_scale != 1.0F || logit_cap > 0.0F; }
  /// Entries of an embedded token.
  [[nodiscard]] std::uint32_t embedded() const { return projected() ? embedding_width : width; }
  /// Columns of the MLP's first projection: gate and up next to each other, or only up.
  [[nodiscard]] std::size_t ffn_in() const { return (gated() ? 2 : 1) * std::size_t{ffn}; }
  ///@{
  /// Columns of all queries, of all keys, and of queries, keys and values together.
  [[nodiscard]] std::size_t query_width() const { return std::size_t{heads} * head_dim; }
  [[nodiscard]] std::size_t key_width() const { return std::size_t{kv_heads} * head_dim; }
  [[nodiscard]] std::size_t qkv_width() const { return query_width() + 2 * key_width(); }
  ///@}
  /// Rotated entries of a head.
  [[nodiscard]] std::uint32_t rotated() const { return rotary_dim > 0 ? rotary_dim : head_dim; }
  /// The window of a layer; 0: none.
  [[nodiscard]] std::uint32_t window_of(std::size_t layer) const {
    return kinds.empty() || kinds[layer].windowed ? window : 0;
  }
  /// The window of the layers that see the most keys; 0: none.
  [[nodiscard]] std::uint32_t widest_window() const {
    for (const LayerKind& kind : kinds)
      if (!kind.windowed) return 0;
    return window;
  }
  /// The rotary positions of a layer.
  [[nodiscard]] LayerRope rope_of(std::size_t layer) const {
    if (!rotary) return LayerRope::none;
    return kinds.empty() ? LayerRope::global : kinds[layer].rope;
  }
  /// What multiplies the scores of attention.
  [[nodiscard]] float score_scale() const {
    return attention_scale > 0.0F ? attention_scale : 1.0F / std::sqrt(static_cast<float>(head_dim));
  }
  /// Equality of all fields.
  friend bool operator==(const Config&, const Config&) = default;
  /// The sizes that layouts and files of adapters depend on.
  operator peft::ModelShape() const {  // NOLINT(google-explicit-constructor)
    return {.layers = layers,
            .width = width,
            .embedded = embedded(),
            .heads = heads,
            .kv_heads = kv_heads,
            .head_dim = head_dim,
            .rotary_dim = rotary ? rotated() : 0,
            .ffn = ffn,
            .context = context,
            .gated = gated(),
            .modules = architecture == Architecture::opt    ? peft::ModuleNames::opt
                       : architecture == Architecture::phi3 ? peft::ModuleNames::phi3
                                                            : peft::ModuleNames::llama};
  }

  /// Throws Error naming the first field out of range.
  void check() const {
    const auto in = [](const char* field, std::uint32_t value, std::uint32_t high) {
      require(value >= 1 && value <= high, "model config: {} = {}: must be in [1, {}]", field, value, high);
    };
    in("vocab", vocab, 1U << 22U);
    in("width", width, 1U << 17U);
    in("layers", layers, 1U << 10U);
    in("heads", heads, 1U << 10U);
    in("kv_heads", kv_heads, heads);
    in("head_dim", head_dim, 1U << 10U);
    in("ffn", ffn, 1U << 19U);
    in("context", context, 1U << 22U);
    require(heads % kv_heads == 0, "model config: kv_heads = {}: must divide heads = {}", kv_heads, heads);
    require(embedding_width <= 1U << 17U, "model config: embedding_width = {}: must be in [0, {}]",
            embedding_width, 1U << 17U);
    require_in("model config: norm_eps", norm_eps, 0.0, 1.0);
    check_positions();
    check_layers();
    check_scales();
  }

 private:
  void check_positions() const {
    require(head_dim % 2 == 0, "model config: head_dim = {}: must be even (rotary pairs)", head_dim);
    require(rotary_dim <= head_dim && rotary_dim % 2 == 0,
            "model config: rotary_dim = {}: must be even, {} (the head's) at most", rotary_dim, head_dim);
    require(position_offset <= 1024, "model config: position_offset = {}: must be in [0, 1024]",
            position_offset);
    require(rotary || rope_scaling.kind == RopeScaling::Kind::none,
            "model config: rope_scaling: a model with learned positions has no rotary ones to scale");
    require_in("model config: rope_base", rope_base, 1.0, 1e12);
    if (local_rope_base != 0.0F) require_in("model config: local_rope_base", local_rope_base, 1.0, 1e12);
    rope_scaling.check(rotated() / 2);
    require(local_rope_base == 0.0F || rope_scaling.kind != RopeScaling::Kind::longrope,
            "model config: local_rope_base = {}: not with factors for long sequences", local_rope_base);
  }
  void check_layers() const {
    require(kinds.empty() || kinds.size() == layers, "model config: {} kinds of layers: must be {} or none",
            kinds.size(), layers);
    for (const LayerKind& kind : kinds)
      require(kind.rope != LayerRope::local || local_rope_base > 0.0F,
              "model config: a layer has local rotary positions: local_rope_base must not be 0");
    require(norm == NormKind::rms || qk_norm == QkNorm::none,
            "model config: qk_norm: only models with RMSNorm have it");
    require(norm == NormKind::rms || gain_offset == 0.0F,
            "model config: gain_offset = {}: only gains of RMSNorm have one", gain_offset);
  }
  void check_scales() const {
    require_in("model config: embedding_scale", embedding_scale, 1e-6, 1e6);
    require_in("model config: residual_scale", residual_scale, 1e-6, 1e6);
    require_in("model config: logit_scale", logit_scale, 1e-6, 1e6);
    require_in("model config: attention_scale", attention_scale, 0.0, 1e6);
    require_in("model config: attention_cap", attention_cap, 0.0, 1e6);
    require_in("model config: logit_cap", logit_cap, 0.0, 1e6);
    require(residual_scale == 1.0F || !norms_sums(),
            "model config: residual_scale = {}: not with norms of the sums", residual_scale);
  }
};

/// A shape with OPT's parts and no sizes (Zhang et al. 2022): LayerNorm, learned positions after two rows of
/// padding, ReLU, biases on every projection.
inline Config opt_parts() {
  Config c;
  c.architecture = Architecture::opt;
  c.norm = NormKind::layer;
  c.activation = MlpActivation::relu;
  c.qkv_bias = c.output_bias = c.mlp_bias = true;
  c.rotary = false;
  c.position_offset = 2;
  return c;
}

}  // namespace zofo::model
