/// @file The shape of a model from the metadata of a GGUF file.
#pragma once

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm {

/// Keys of this library in addition to ggml's. They name the parameters of the Llama 3 scaling, whose factors
/// the tensor `rope_freqs.weight` holds, and properties of OPT for which llama.cpp has no keys.
namespace gguf_keys {
inline constexpr const char* low_freq_factor = "zofo.rope.low_freq_factor";    ///< model::RopeScaling's
inline constexpr const char* high_freq_factor = "zofo.rope.high_freq_factor";  ///< model::RopeScaling's
inline constexpr const char* original_context = "zofo.rope.original_context";  ///< model::RopeScaling's
inline constexpr const char* pre_norm = "opt.pre_norm";                        ///< model::Config's
inline constexpr const char* embedding_width = "opt.embedding_width";          ///< model::Config's
}  // namespace gguf_keys

///@{
/// The tensors with the factors by which the rotary frequencies are divided: Llama 3's, and LongRoPE's for
/// short and for long sequences.
inline constexpr const char* rope_factors_tensor = "rope_freqs.weight";
inline constexpr const char* short_factors_tensor = "rope_factors_short.weight";
inline constexpr const char* long_factors_tensor = "rope_factors_long.weight";
///@}

/// The shape that a GGUF file describes: one of llama.cpp's architectures (model::Architecture; Mistral's
/// files have LLaMA's), or this library's opt. Throws Error naming file, key, value and what is allowed.
model::Config read_gguf_config(const checkpoint::GgufFile& file);

}  // namespace zofo::llm
