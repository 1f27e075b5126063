/// @file Where the weights of one block lie, in θ or in a scratch copy of a part of it.
#pragma once

#include <array>
#include <cstddef>

#include "zofo/model/parameters.hpp"

namespace zofo::model {

/// Neighbouring tensors of a block that one step of its forward pass reads.
struct Stage {
  std::size_t first = 0;  ///< a Parameters::LayerTensor
  std::size_t count = 0;
};

/// The whole block, and its three stages in the order of the forward pass. A stage at two probes of
/// SmolLM2-135M is 14 MiB at most, so probed weights stay in the last-level cache until their product.
inline constexpr Stage whole_block{Parameters::attn_norm, Parameters::tensors_of_a_layer};
inline constexpr Stage attention_stage{Parameters::attn_norm, 5};
inline constexpr Stage gate_up_stage{Parameters::ffn_norm, 3};
inline constexpr Stage down_stage{Parameters::down, 1};

/// Pointers to a block's weights; q|k|v and gate|up are one matrix each because the arena holds them side by
/// side. Null outside the stage they were taken for.
struct LayerWeights {
  const float* attn_norm = nullptr;
  const float* qkv = nullptr;
  const float* o = nullptr;
  const float* ffn_norm = nullptr;
  const float* gate_up = nullptr;
  const float* down = nullptr;

  /// Weights of a stage of `layer` where its first tensor lies at `base`.
  static LayerWeights at(const Parameters& theta, std::size_t layer, Stage stage, const float* base) {
    const std::size_t first = Parameters::layer_first(layer);
    const auto& tensors = theta.tensors();
    const auto place = [&](std::size_t i) -> const float* {
      if (i < stage.first || i >= stage.first + stage.count) return nullptr;
      return base + (tensors[first + i].offset - tensors[first + stage.first].offset);
    };
    return {place(Parameters::attn_norm), place(Parameters::q),    place(Parameters::o),
            place(Parameters::ffn_norm),  place(Parameters::gate), place(Parameters::down)};
  }
  /// θ's own weights of `layer`.
  static LayerWeights of(const Parameters& theta, std::size_t layer) {
    return at(theta, layer, whole_block, theta.data(Parameters::layer_first(layer)));
  }
};

}  // namespace zofo::model
