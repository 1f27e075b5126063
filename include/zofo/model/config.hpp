/// @file Shape of a transformer.
#pragma once

#include <cstdint>

#include "zofo/core/error.hpp"

namespace zofo::model {

/// Kinds of block. llama: RMSNorm, rotary positions, SwiGLU, no biases (Touvron et al. 2023). opt: LayerNorm,
/// learned positions, ReLU, biases on every projection (Zhang et al. 2022).
enum class Family : std::uint8_t { llama, opt };

/// Sizes of a transformer with grouped-query attention and norms before its two halves.
struct Config {
  Family family = Family::llama;
  std::uint32_t vocab = 0;     ///< tokens in the vocabulary
  std::uint32_t width = 0;     ///< hidden size
  std::uint32_t layers = 0;    ///< blocks
  std::uint32_t heads = 0;     ///< query heads
  std::uint32_t kv_heads = 0;  ///< key/value heads; divides `heads`
  std::uint32_t head_dim = 0;  ///< entries of a head, even
  std::uint32_t ffn = 0;       ///< hidden size of a block's second half
  std::uint32_t context = 0;   ///< longest sequence
  float rope_base = 10000.0F;  ///< base of the rotary frequencies
  float norm_eps = 1e-5F;      ///< added to the mean square or variance in the norms
  bool tied = true;            ///< output head shares the embedding

  /// OPT's table of positions begins with two rows for padding.
  static constexpr std::uint32_t position_offset = 2;
  [[nodiscard]] bool gated() const { return family == Family::llama; }
  [[nodiscard]] bool rotary() const { return family == Family::llama; }
  [[nodiscard]] bool biased() const { return family == Family::opt; }
  /// Columns of the projection into a block's second half: gate and up side by side, or up alone.
  [[nodiscard]] std::size_t ffn_in() const { return (gated() ? 2 : 1) * std::size_t{ffn}; }
  [[nodiscard]] std::size_t query_width() const { return std::size_t{heads} * head_dim; }
  [[nodiscard]] std::size_t key_width() const { return std::size_t{kv_heads} * head_dim; }
  [[nodiscard]] std::size_t qkv_width() const { return query_width() + 2 * key_width(); }
  friend bool operator==(const Config&, const Config&) = default;

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
  }
};

}  // namespace zofo::model
