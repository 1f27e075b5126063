/// @file Where the weights of one block lie, in θ or in a scratch copy of its range.
#pragma once

#include "zofo/model/parameters.hpp"

namespace zofo::model {

/// Pointers to a block's weights; q|k|v and gate|up are one matrix each because the arena holds them side by
/// side.
struct LayerWeights {
  const float* attn_norm = nullptr;
  const float* qkv = nullptr;
  const float* o = nullptr;
  const float* ffn_norm = nullptr;
  const float* gate_up = nullptr;
  const float* down = nullptr;

  /// Weights of `layer` within a copy (or the original) of its range of the arena that starts at `base`.
  static LayerWeights at(const Parameters& theta, std::size_t layer, const float* base) {
    const std::size_t first = Parameters::layer_first(layer);
    const auto& tensors = theta.tensors();
    const auto place = [&](std::size_t i) {
      return base + (tensors[first + i].offset - tensors[first].offset);
    };
    return {place(Parameters::attn_norm), place(Parameters::q),    place(Parameters::o),
            place(Parameters::ffn_norm),  place(Parameters::gate), place(Parameters::down)};
  }
};

}  // namespace zofo::model
