/// @file The sizes of a model that layouts and files of adapters depend on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zofo::peft {

/// Names of the projections in Hugging Face's models: those of LLaMA, of OPT, or of Phi-3, whose files hold
/// q, k and v in one matrix, and gate and up in another.
enum class ModuleNames : std::uint8_t { llama, opt, phi3 };

/// Sizes of a transformer; model::Config converts to it. Adapters depend on nothing else of the model.
struct ModelShape {
  std::uint32_t layers = 0;      ///< blocks
  std::uint32_t width = 0;       ///< hidden size
  std::uint32_t embedded = 0;    ///< entries of an embedded token
  std::uint32_t heads = 0;       ///< query heads
  std::uint32_t kv_heads = 0;    ///< key/value heads
  std::uint32_t head_dim = 0;    ///< entries of a head
  std::uint32_t rotary_dim = 0;  ///< first entries of a head's keys and queries that are rotated; 0: none
  std::uint32_t ffn = 0;         ///< hidden size of the MLP
  std::uint32_t context = 0;     ///< longest sequence
  bool gated = true;             ///< the MLP has a gate projection
  ModuleNames modules = ModuleNames::llama;  ///< names of the projections

  /// Columns of a layer's keys, and of its values.
  [[nodiscard]] std::size_t key_width() const { return std::size_t{kv_heads} * head_dim; }
};

}  // namespace zofo::peft
