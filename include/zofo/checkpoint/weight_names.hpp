/// @file Names of weights: this library's (model/layout.hpp, GGUF's) and Hugging Face's.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Whose modules Hugging Face's names are: those of LLaMA, Mistral and Qwen2, or OPT's.
enum class Naming : std::uint8_t { llama, opt };

/// A module's two names.
struct NamePair {
  std::string_view ours;
  std::string_view theirs;
};

/// Modules of a block: `blk.N.OURS` and `layers.N.THEIRS`.
inline std::span<const NamePair> block_names(Naming naming) {
  static constexpr std::array<NamePair, 9> llama{{{"attn_norm", "input_layernorm"},
                                                  {"attn_q", "self_attn.q_proj"},
                                                  {"attn_k", "self_attn.k_proj"},
                                                  {"attn_v", "self_attn.v_proj"},
                                                  {"attn_output", "self_attn.o_proj"},
                                                  {"ffn_norm", "post_attention_layernorm"},
                                                  {"ffn_gate", "mlp.gate_proj"},
                                                  {"ffn_up", "mlp.up_proj"},
                                                  {"ffn_down", "mlp.down_proj"}}};
  static constexpr std::array<NamePair, 8> opt{{{"attn_norm", "self_attn_layer_norm"},
                                                {"attn_q", "self_attn.q_proj"},
                                                {"attn_k", "self_attn.k_proj"},
                                                {"attn_v", "self_attn.v_proj"},
                                                {"attn_output", "self_attn.out_proj"},
                                                {"ffn_norm", "final_layer_norm"},
                                                {"ffn_up", "fc1"},
                                                {"ffn_down", "fc2"}}};
  if (naming == Naming::opt) return opt;
  return llama;
}

/// Modules outside the blocks; `output` is `lm_head`, which has no prefix.
inline std::span<const NamePair> outer_names(Naming naming) {
  static constexpr std::array<NamePair, 2> llama{{{"token_embd", "embed_tokens"}, {"output_norm", "norm"}}};
  static constexpr std::array<NamePair, 5> opt{{{"token_embd", "embed_tokens"},
                                                {"position_embd", "embed_positions"},
                                                {"project_in", "project_in"},
                                                {"project_out", "project_out"},
                                                {"output_norm", "final_layer_norm"}}};
  if (naming == Naming::opt) return opt;
  return llama;
}

namespace detail {

inline std::string_view find_name(std::span<const NamePair> table, std::string_view ours) {
  for (const NamePair& pair : table)
    if (pair.ours == ours) return pair.theirs;
  fail("weight '{}': has no name in this family of Hugging Face models", ours);
}

}  // namespace detail

/// Names as saved today: `model.` before LLaMA's modules, `model.decoder.` before OPT's.
inline std::string_view default_prefix(Naming naming) {
  return naming == Naming::opt ? "model.decoder." : "model.";
}

/// Hugging Face's name of a module (`blk.3.attn_q`), without `.weight` or `.bias`. Throws Error for a module
/// that the family doesn't have.
inline std::string hugging_face_module(std::string_view ours, Naming naming, std::string_view prefix) {
  if (ours == "output") return "lm_head";
  if (!ours.starts_with("blk."))
    return fmt::format("{}{}", prefix, detail::find_name(outer_names(naming), ours));
  const std::size_t dot = ours.find('.', 4);
  require(dot != std::string_view::npos, "weight '{}': must be blk.N.NAME", ours);
  return fmt::format("{}layers.{}.{}", prefix, ours.substr(4, dot - 4),
                     detail::find_name(block_names(naming), ours.substr(dot + 1)));
}

/// Hugging Face's name of a weight of Layout: `blk.0.attn_q` is `model.layers.0.self_attn.q_proj.weight`,
/// `blk.0.attn_q.bias` ends in `.bias`.
inline std::string hugging_face_name(std::string_view ours, Naming naming, std::string_view prefix) {
  constexpr std::string_view bias = ".bias";
  const bool biased = ours.ends_with(bias);
  if (biased) ours.remove_suffix(bias.size());
  return hugging_face_module(ours, naming, prefix) + (biased ? ".bias" : ".weight");
}

/// GGUF's name of a weight of Layout.
inline std::string gguf_name(std::string_view ours) {
  return std::string(ours) + (ours.ends_with(".bias") ? "" : ".weight");
}

}  // namespace zofo::checkpoint
