/// @file What layouts and files of adapters need to know of a model.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zofo::peft {

/// Sizes of a transformer; model::Config converts to it. Adapters know no more of the model than this.
struct ModelShape {
  std::uint32_t layers = 0;
  std::uint32_t width = 0;     ///< hidden size
  std::uint32_t embedded = 0;  ///< entries of an embedded token
  std::uint32_t heads = 0;     ///< query heads
  std::uint32_t kv_heads = 0;  ///< key/value heads
  std::uint32_t head_dim = 0;
  std::uint32_t ffn = 0;      ///< hidden size of the MLP
  std::uint32_t context = 0;  ///< longest sequence
  bool gated = true;          ///< the MLP has a gate projection
  bool rotary = true;         ///< keys and queries are rotated by their positions
  bool opt_names = false;     ///< Hugging Face names its modules as those of OPT, else as those of LLaMA

  /// Columns of a layer's keys, and of its values.
  [[nodiscard]] std::size_t key_width() const { return std::size_t{kv_heads} * head_dim; }
};

}  // namespace zofo::peft
