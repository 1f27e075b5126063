/// @file Names of weights in this library (model/layout.hpp), in GGUF files and in Hugging Face's models.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace zofo::checkpoint {

/// Naming scheme of Hugging Face's modules: that of LLaMA and most others, of Gemma, of Phi-3, where q, k and
/// v are one matrix, as are gate and up, or of OPT.
enum class Naming : std::uint8_t { llama, gemma, phi3, opt };

/// A module's two names.
struct NamePair {
  std::string_view layout;        ///< in model::Layout and GGUF
  std::string_view hugging_face;  ///< in Hugging Face's models
};

/// Modules of a block: `blk.N.LAYOUT` and `layers.N.HUGGING_FACE`.
std::span<const NamePair> block_names(Naming naming);

/// Modules outside the blocks, without `output`: its name `lm_head` has no prefix.
std::span<const NamePair> outer_names(Naming naming);

/// Prefix of module names in current files: `model.` for LLaMA, `model.decoder.` for OPT.
std::string_view default_prefix(Naming naming);

/// Hugging Face's name of a module (`blk.3.attn_q`), without `.weight` or `.bias`. Throws Error for a module
/// that the family doesn't have.
std::string hugging_face_module(std::string_view module, Naming naming, std::string_view prefix);

/// Hugging Face's name of a weight of Layout: `blk.0.attn_q` becomes
/// `model.layers.0.self_attn.q_proj.weight`, and the name of `blk.0.attn_q.bias` ends in `.bias`.
std::string hugging_face_name(std::string_view weight, Naming naming, std::string_view prefix);

/// GGUF's name of a weight of Layout. Files of Phi-3 hold q, k and v as `attn_qkv`, and gate and up as
/// `ffn_up`.
std::string gguf_name(std::string_view weight, Naming naming = Naming::llama);

}  // namespace zofo::checkpoint
