/// @file The weights of one block as its operations read them: those of θ, or a perturbed copy of a part of
/// θ.
#pragma once

#include <cstddef>

#include "zofo/model/layout.hpp"
#include "zofo/tensor/view.hpp"

namespace zofo::model {

/// Neighbouring tensors that one step of the forward pass reads, or some rows of one matrix.
struct WeightRange {
  std::size_t first = 0;  ///< first tensor, an index of Layout::tensors()
  std::size_t count = 0;  ///< tensors
  std::size_t row = 0;    ///< first row, if `rows` is not 0
  std::size_t rows = 0;   ///< rows of the matrix `first`; 0: whole tensors

  /// First weight of the range in the arena.
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

/// The weights of a range, found by tensor.
template <class T>
struct ParameterRange {
  const Layout* layout = nullptr;  ///< of the model
  WeightRange range;               ///< which weights
  tensor::PerProbe<T> base;        ///< the first weight of the range

  /// The weights of a tensor; null outside the range.
  tensor::PerProbe<T> operator()(std::size_t tensor) const {
    if (tensor < range.first || tensor >= range.first + range.count) return {};
    if (range.rows > 0) return base;
    return {base.data + (layout->tensors()[tensor].offset - range.offset(*layout)), base.stride};
  }
};

/// The three steps of a block's forward pass: attention, the MLP's first projection, and its last one. The
/// weights of a step at two probes of SmolLM2-135M take 14 MiB at most, so perturbed weights stay in a CPU's
/// last-level cache until their product.
enum class Stage : std::uint8_t { attention, ffn_in, ffn_out };
/// Number of stages.
inline constexpr std::size_t stages_per_block = 3;

/// The tensors that a stage of a block reads.
inline WeightRange stage_range(const Layout& layout, std::size_t layer, Stage stage) {
  const std::size_t first = layout.layer_first(layer);
  const Config& c = layout.config();
  const Role mlp = c.norms_inputs() ? Role::ffn_norm : c.gated() ? Role::gate : Role::up;
  const std::size_t ffn = layout.tensor(layer, mlp);
  const std::size_t down = layout.tensor(layer, Role::down);
  if (stage == Stage::attention) return {first, ffn - first};
  if (stage == Stage::ffn_in) return {ffn, down - ffn};
  return {down, layout.layer_first(layer + 1) - down};
}

/// Gain and bias of a norm.
template <class T>
struct NormWeights {
  ///@{
  /// [width] each; the bias is null in an RMSNorm.
  tensor::PerProbe<T> gain, bias;
  ///@}
};
/// Matrix and bias of a projection.
template <class T>
struct LinearWeights {
  tensor::PerProbe<T> matrix;  ///< [out, in]
  tensor::PerProbe<T> bias;    ///< [out]; null: none
  std::size_t out = 0;         ///< output features
  std::size_t in = 0;          ///< input features
};

/// A block's weights; those outside the range that they were read from are null.
template <class T>
struct LayerWeights {
  ///@{
  /// Of attention and of the MLP: norms of inputs or sums, norms of outputs, gains of the norms of queries
  /// and keys, projections.
  NormWeights<T> attn_norm, ffn_norm, attn_out_norm, ffn_out_norm;
  tensor::PerProbe<T> q_norm, k_norm;
  LinearWeights<T> qkv, o, ffn_in, down;
  ///@}

  /// Weights of `layer`; `weights(tensor)` returns those of one tensor.
  template <class TensorWeights>
  static LayerWeights at(const Layout& layout, std::size_t layer, const TensorWeights& weights) {
    const auto of = [&](Role role) -> tensor::PerProbe<T> {
      const std::size_t i = layout.tensor(layer, role);
      return i == Layout::none ? tensor::PerProbe<T>{} : weights(i);
    };
    const Config& c = layout.config();
    const std::size_t width = c.width;
    return {{of(Role::attn_norm), of(Role::attn_norm_bias)},
            {of(Role::ffn_norm), of(Role::ffn_norm_bias)},
            {of(Role::attn_out_norm), of(Role::attn_out_norm_bias)},
            {of(Role::ffn_out_norm), of(Role::ffn_out_norm_bias)},
            of(Role::q_norm),
            of(Role::k_norm),
            {of(Role::q), of(Role::q_bias), c.qkv_width(), width},
            {of(Role::o), of(Role::o_bias), width, c.query_width()},
            {of(c.gated() ? Role::gate : Role::up), of(c.gated() ? Role::gate_bias : Role::up_bias),
             c.ffn_in(), width},
            {of(Role::down), of(Role::down_bias), width, c.ffn}};
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
