/// @file The sizes of a model that layouts and files of adapters depend on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zofo::peft {

/// Sizes of a transformer; model::Config converts to it. Adapters depend on nothing else of the model.
struct ModelShape {
  std::uint32_t layers = 0;    ///< blocks
  std::uint32_t width = 0;     ///< hidden size
  std::uint32_t embedded = 0;  ///< entries of an embedded token
  std::uint32_t heads = 0;     ///< query heads
  std::uint32_t kv_heads = 0;  ///< key/value heads
  std::uint32_t head_dim = 0;  ///< entries of a head
  std::uint32_t ffn = 0;       ///< hidden size of the MLP
  std::uint32_t context = 0;   ///< longest sequence
  bool gated = true;           ///< the MLP has a gate projection
  bool rotary = true;          ///< keys and queries are rotated by their positions
  bool opt_names = false;      ///< Hugging Face names the modules as in OPT, else as in LLaMA

  /// Columns of a layer's keys, and of its values.
  [[nodiscard]] std::size_t key_width() const { return std::size_t{kv_heads} * head_dim; }
};

}  // namespace zofo::peft
