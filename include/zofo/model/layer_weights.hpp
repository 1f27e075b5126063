/// @file The weights of one block as its operations take them, in θ or in a probed copy of a part of it.
#pragma once

#include <cstddef>

#include "zofo/model/layout.hpp"
#include "zofo/tensor/view.hpp"

namespace zofo::model {

/// Neighbouring tensors that one step of the forward pass reads at once, or `rows` rows of one matrix from
/// row `row` on (0: whole tensors).
struct WeightRange {
  std::size_t first = 0;  ///< index of Layout::tensors()
  std::size_t count = 0;
  std::size_t row = 0;
  std::size_t rows = 0;

  /// Where the range starts in the arena.
  [[nodiscard]] std::uint64_t offset(const Layout& layout) const {
    const Tensor& t = layout.tensors()[first];
    return t.offset + std::uint64_t{row} * t.cols;
  }
  /// Weights in the range.
  [[nodiscard]] std::uint64_t size(const Layout& layout) const {
    const Tensor& last = layout.tensors()[first + count - 1];
    return rows > 0 ? std::uint64_t{rows} * last.cols : last.offset + last.size() - offset(layout);
  }
};

/// A range's weights where its first tensor lies at `base`: gives each tensor's, null outside the range.
template <class T>
struct ParameterRange {
  const Layout* layout = nullptr;
  WeightRange range;
  tensor::PerProbe<T> base;

  tensor::PerProbe<T> operator()(std::size_t tensor) const {
    if (tensor < range.first || tensor >= range.first + range.count) return {};
    if (range.rows > 0) return base;
    return {base.data + (layout->tensors()[tensor].offset - range.offset(*layout)), base.stride};
  }
};

/// The three steps of a block's forward pass. A step at two probes of SmolLM2-135M is 14 MiB at most, so
/// probed weights stay in a CPU's last-level cache until their product.
enum class Stage : std::uint8_t { attention, ffn_in, ffn_out };
inline constexpr std::size_t stages_per_block = 3;

/// The tensors that a stage of a block reads.
inline WeightRange stage_range(const Layout& layout, std::size_t layer, Stage stage) {
  const std::size_t first = layout.layer_first(layer);
  const std::size_t ffn = layout.tensor(layer, layout.config().pre_norm ? Role::ffn_norm : Role::up);
  const std::size_t down = layout.tensor(layer, Role::down);
  if (stage == Stage::attention) return {first, ffn - first};
  if (stage == Stage::ffn_in) return {ffn, down - ffn};
  return {down, layout.layer_first(layer + 1) - down};
}

/// Gain and bias of a norm.
template <class T>
struct NormWeights {
  tensor::PerProbe<T> gain, bias;
};
/// Matrix [out, in] and bias of a projection.
template <class T>
struct LinearWeights {
  tensor::PerProbe<T> matrix, bias;
  std::size_t out = 0, in = 0;
};

/// A block's weights; those outside the range that they were taken from have null data.
template <class T>
struct LayerWeights {
  NormWeights<T> attn_norm, ffn_norm;
  LinearWeights<T> qkv, o, ffn_in, down;

  /// Weights of `layer`; `weights(tensor)` gives those of one tensor.
  template <class Placed>
  static LayerWeights at(const Layout& layout, std::size_t layer, const Placed& weights) {
    const auto place = [&](Role role) -> tensor::PerProbe<T> {
      const std::size_t i = layout.tensor(layer, role);
      return i == Layout::none ? tensor::PerProbe<T>{} : weights(i);
    };
    const Config& c = layout.config();
    const std::size_t width = c.width;
    return {{place(Role::attn_norm), place(Role::attn_norm_bias)},
            {place(Role::ffn_norm), place(Role::ffn_norm_bias)},
            {place(Role::q), place(Role::q_bias), c.qkv_width(), width},
            {place(Role::o), place(Role::o_bias), width, c.query_width()},
            {place(c.gated() ? Role::gate : Role::up), place(Role::up_bias), c.ffn_in(), width},
            {place(Role::down), place(Role::down_bias), width, c.ffn}};
  }
  /// θ's own weights of `layer`.
  template <class Theta>
  static LayerWeights of(const Theta& theta, std::size_t layer) {
    const Layout& layout = theta.layout();
    const std::size_t first = layout.layer_first(layer);
    const WeightRange block{first, layout.layer_first(layer + 1) - first};
    return at(layout, layer, ParameterRange<T>{&layout, block, {theta.data(first), 0}});
  }
};

}  // namespace zofo::model
