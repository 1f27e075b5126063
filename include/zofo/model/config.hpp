/// @file Shape of a transformer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/core/error.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::model {

/// Kinds of block. llama: RMSNorm, rotary positions, SwiGLU, biases on q, k and v at most (Touvron et al.
/// 2023). opt: LayerNorm, learned positions, ReLU, biases on every projection (Zhang et al. 2022).
enum class Family : std::uint8_t { llama, opt };

/// How rotary frequencies are scaled for contexts longer than those of pretraining. linear: all are divided
/// by `factor` (Chen et al. 2023). llama3: waves longer than original_context / low_freq_factor are divided
/// by `factor`, waves shorter than original_context / high_freq_factor are unchanged, and the ones between
/// are interpolated (Llama 3.1).
struct RopeScaling {
  /// Which formula scales the frequencies.
  enum class Kind : std::uint8_t { none, linear, llama3 };
  Kind kind = Kind::none;                 ///< formula
  float factor = 1.0F;                    ///< divisor of slow frequencies, at least 1
  float low_freq_factor = 1.0F;           ///< llama3: slower than this many turns per original context
  float high_freq_factor = 4.0F;          ///< llama3: faster than this many turns is not scaled
  std::uint32_t original_context = 8192;  ///< llama3: context of pretraining, in tokens
  /// Equality of all fields.
  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;

  /// Throws Error naming the first field out of range.
  void check() const {
    if (kind == Kind::none) return;
    require_in("model config: rope_scaling.factor", factor, 1.0, 1e4);
    if (kind != Kind::llama3) return;
    require_in("model config: rope_scaling.low_freq_factor", low_freq_factor, 1e-3, 1e4);
    require(
        high_freq_factor > low_freq_factor && high_freq_factor <= 1e6F,
        "model config: rope_scaling.high_freq_factor = {}: must be above low_freq_factor = {}, 1e6 at most",
        high_freq_factor, low_freq_factor);
    require(original_context >= 1 && original_context <= 1U << 22U,
            "model config: rope_scaling.original_context = {}: must be in [1, {}]", original_context,
            1U << 22U);
  }
};

/// Sizes of a transformer with grouped-query attention.
struct Config {
  using RopeScaling = model::RopeScaling;  ///< scaling of rotary frequencies

  Family family = Family::llama;  ///< kind of block
  std::uint32_t vocab = 0;        ///< tokens in the vocabulary
  std::uint32_t width = 0;        ///< hidden size
  std::uint32_t layers = 0;       ///< blocks
  std::uint32_t heads = 0;        ///< query heads
  std::uint32_t kv_heads = 0;     ///< key/value heads; divides `heads`
  std::uint32_t head_dim = 0;     ///< entries of a head, even
  std::uint32_t ffn = 0;          ///< hidden size of the MLP
  std::uint32_t context = 0;      ///< longest sequence
  float rope_base = 10000.0F;     ///< base of the rotary frequencies
  float norm_eps = 1e-5F;         ///< added to the mean square or variance in the norms
  bool tied = true;               ///< output head shares the embedding
  bool attention_bias = false;    ///< biases on q, k and v of a LLaMA-type block (Qwen2)
  RopeScaling rope_scaling;       ///< for contexts longer than those of pretraining
  /// True: a norm before each sublayer (attention, MLP) and a final one. False: a norm after each residual
  /// sum (OPT-350M).
  bool pre_norm = true;
  /// Entries of an embedded token, which matrices without bias project to and from `width` (OPT-350M); 0:
  /// width.
  std::uint32_t embedding_width = 0;
  /// Keys that a query attends to, its own the last of them (Mistral 7B v0.1); 0: all up to its own.
  std::uint32_t window = 0;

  /// OPT's table of positions begins with two rows for padding.
  static constexpr std::uint32_t position_offset = 2;
  /// The MLP has a gate projection (SwiGLU).
  [[nodiscard]] bool gated() const { return family == Family::llama; }
  /// Positions are rotary; else they are learned.
  [[nodiscard]] bool rotary() const { return family == Family::llama; }
  /// Every projection and norm has a bias.
  [[nodiscard]] bool biased() const { return family == Family::opt; }
  /// The projections q, k and v have biases.
  [[nodiscard]] bool qkv_biased() const { return biased() || attention_bias; }
  /// A norm follows the last block.
  [[nodiscard]] bool final_norm() const { return pre_norm; }
  /// The embedding is projected to the width of the blocks, and back before the head.
  [[nodiscard]] bool projected() const { return embedding_width > 0; }
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
            .ffn = ffn,
            .context = context,
            .gated = gated(),
            .rotary = rotary(),
            .opt_names = family == Family::opt};
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
    require(head_dim % 2 == 0, "model config: head_dim = {}: must be even (rotary pairs)", head_dim);
    require_in("model config: rope_base", rope_base, 1.0, 1e9);
    require_in("model config: norm_eps", norm_eps, 0.0, 1.0);
    rope_scaling.check();
    check_family();
  }

 private:
  void check_family() const {
    const char* const name = family == Family::opt ? "opt" : "llama";
    require(rotary() || rope_scaling.kind == RopeScaling::Kind::none,
            "model config: rope_scaling: a model of the {} family has no rotary positions to scale", name);
    require(!(biased() && attention_bias),
            "model config: attention_bias = true: projections of the {} family always have biases; leave it "
            "false",
            name);
    require(pre_norm || family == Family::opt,
            "model config: pre_norm = false: blocks of the {} family have their norms before the sublayers",
            name);
    require(embedding_width == 0 || family == Family::opt,
            "model config: embedding_width = {}: a model of the {} family embeds in its width; must be 0",
            embedding_width, name);
    require(embedding_width <= 1U << 17U, "model config: embedding_width = {}: must be in [0, {}]",
            embedding_width, 1U << 17U);
  }
};

}  // namespace zofo::model
