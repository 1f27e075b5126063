/// @file Names of the architectures in files of models.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "zofo/checkpoint/weight_names.hpp"
#include "zofo/model/config.hpp"

namespace zofo::llm::detail {

/// What an architecture is called.
struct ArchitectureNames {
  model::Architecture architecture;  ///< in this library
  std::string_view class_name;       ///< `architectures` of config.json
  std::string_view model_type;       ///< `model_type` of config.json
  std::string_view gguf;             ///< `general.architecture` of GGUF files
  checkpoint::Naming naming;         ///< names of the weights
};

/// All architectures, in the order of model::Architecture.
inline constexpr std::array<ArchitectureNames, 11> architecture_names{
    {{model::Architecture::llama, "LlamaForCausalLM", "llama", "llama", checkpoint::Naming::llama},
     {model::Architecture::mistral, "MistralForCausalLM", "mistral", "llama", checkpoint::Naming::llama},
     {model::Architecture::qwen2, "Qwen2ForCausalLM", "qwen2", "qwen2", checkpoint::Naming::llama},
     {model::Architecture::qwen3, "Qwen3ForCausalLM", "qwen3", "qwen3", checkpoint::Naming::llama},
     {model::Architecture::smollm3, "SmolLM3ForCausalLM", "smollm3", "smollm3", checkpoint::Naming::llama},
     {model::Architecture::phi3, "Phi3ForCausalLM", "phi3", "phi3", checkpoint::Naming::phi3},
     {model::Architecture::granite, "GraniteForCausalLM", "granite", "granite", checkpoint::Naming::llama},
     {model::Architecture::olmo2, "Olmo2ForCausalLM", "olmo2", "olmo2", checkpoint::Naming::llama},
     {model::Architecture::gemma2, "Gemma2ForCausalLM", "gemma2", "gemma2", checkpoint::Naming::gemma},
     {model::Architecture::gemma3, "Gemma3ForCausalLM", "gemma3_text", "gemma3", checkpoint::Naming::gemma},
     {model::Architecture::opt, "OPTForCausalLM", "opt", "opt", checkpoint::Naming::opt}}};

/// The names of an architecture.
constexpr const ArchitectureNames& names_of(model::Architecture architecture) {
  return architecture_names[static_cast<std::size_t>(architecture)];
}

/// Config::attention_scale of Gemma's models in llama.cpp, which has no key for it: only those of 27B, known
/// by their layers, differ from 1/√head_dim.
inline float gemma_score_scale(const model::Config& c) {
  const bool largest = c.layers == (c.architecture == model::Architecture::gemma2 ? 46U : 62U);
  const std::size_t dim = c.width / c.heads;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  return largest && scale != 1.0F / std::sqrt(static_cast<float>(c.head_dim)) ? scale : 0.0F;
}

/// Clears what has no effect: a window as long as the context, windows of layers without one, kinds of layers
/// that are all alike. So equal computations have equal configs.
inline void tidy(model::Config& c) {
  bool windowed = false, plain = true;
  for (const model::LayerKind& kind : c.kinds) windowed = windowed || kind.windowed;
  if (c.window >= c.context || (!c.kinds.empty() && !windowed)) c.window = 0;
  for (model::LayerKind& kind : c.kinds) {
    if (c.window == 0) kind.windowed = true;
    plain = plain && kind == model::LayerKind();
  }
  if (plain) c.kinds.clear();
}

}  // namespace zofo::llm::detail
