/// @file What the passes of a transformer allocate, for any backend, computed in advance.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "zofo/model/config.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::model {

/// Upper bounds of the batches of one kind of pass.
struct PassBounds {
  ///@{
  /// Rows per probe (those of prompts included), sequences, rows of the longest sequence.
  std::size_t tokens = 0, sequences = 0, longest = 0;
  ///@}
  ///@{
  /// Distinct positions of targets, and targets.
  std::size_t head_rows = 0, targets = 0;
  ///@}
  std::size_t probes = 1;          ///< per pass: 2 for two-sided evaluation of a dense direction, 1 at θ
  std::uint32_t low_rank = 0;      ///< rank of low-rank probes; 0: dense ones if `perturbed`
  bool perturbed = false;          ///< evaluated at probes
  bool saves_activations = false;  ///< a backward pass follows
  bool recompute = false;          ///< gradient checkpointing
  bool whole_head = false;         ///< all logits are computed at once, as in generation
  std::size_t cached = 0;  ///< most cached positions of a sequence in a decode step; 0: no decode step
};

/// Adds up the memory of passes that stay within given bounds: the part that follows from the allocations of
/// Transformer, Block and Head. A plan of a backend derives from it and adds what that backend allocates.
/// Buffers are shared between passes; each has the largest size that any pass needs.
class PassPlan {
 public:
  /// Adds `count` vectors of an adapter's size: adapters, copies, moments and gradients.
  void vectors(std::size_t count) { vectors_ += count * adapters_.size(adapters_.first()) * sizeof(float); }

 protected:
  /// For a model with these adapters, whose weights and activations have `scalar` bytes.
  PassPlan(const Config& config, peft::Adapters adapters, std::size_t scalar)
      : layout_(config), adapters_(std::move(adapters)), scalar_(scalar) {}

  /// Buffers that passes share. Each grows to the largest size that any pass needs.
  enum class Part : std::uint8_t {
    hidden,
    normed,
    activated,
    first_ffn_in,  ///< of the first block; passes without a backward pass use it for all blocks
    first_sum,
    embedded,
    backward,
    saved,
    head_states,
    head_gradients,
    logits,
    logit_gradients,
    products,
    product_gradients,
    factors,
    probes,
    steps,
    count
  };
  /// Raises a buffer to at least `bytes`.
  void raise(Part part, std::size_t bytes) { parts_[index(part)] = std::max(parts_[index(part)], bytes); }
  /// Bytes of the buffers from `first` to `last`.
  [[nodiscard]] std::size_t sum(Part first, Part last) const {
    std::size_t bytes = 0;
    for (std::size_t i = index(first); i <= index(last); ++i) bytes += parts_[i];
    return bytes;
  }
  /// The rank of LoRA; 0 without LoRA.
  [[nodiscard]] std::uint32_t rank() const {
    return adapters_.has(peft::Kind::lora) ? adapters_.lora().rank() : 0;
  }

  /// Activations of a pass of `rows` rows.
  void activations(const PassBounds& e, std::size_t rows) {
    const Config& c = layout_.config();
    const std::size_t row = rows * scalar_;
    raise(Part::hidden, row * c.width);
    raise(Part::normed,
          row * (e.saves_activations ? c.width : std::max<std::size_t>(c.width, c.query_width())));
    raise(Part::activated, row * (c.gated() ? c.ffn : 0));
    // Without a backward pass, q, k and v share a buffer with the MLP's first projection.
    raise(Part::first_ffn_in, row * (e.saves_activations ? c.ffn_in() : std::max(c.qkv_width(), c.ffn_in())));
    raise(Part::first_sum, row * (c.adds_plainly() ? 0 : c.width));
    raise(Part::embedded, row * c.embedding_width);
    if (!e.saves_activations) return;
    const std::size_t copies = e.recompute ? 1 : c.layers;
    const std::size_t sums = c.adds_plainly() ? 0 : (2 * copies - 1) * c.width;
    const std::size_t qkv = (c.qk_norm == QkNorm::none ? 1 : 2) * c.qkv_width();
    raise(Part::saved, row * (copies * (qkv + c.query_width()) + (copies - 1) * c.ffn_in() + sums));
  }
  /// Hidden states of all blocks and gradients of a backward pass of `rows` rows; `attention`: bytes of the
  /// backend's attention.
  void backward(const PassBounds& e, std::size_t rows, std::size_t attention) {
    const Config& c = layout_.config();
    const std::size_t copies = e.recompute ? 1 : c.layers;
    const std::size_t states = (c.layers + copies) * rows * c.width * scalar_;
    const std::size_t gradients =
        rows * (c.ffn + c.ffn_in() + output_gradient(c) + c.width + c.query_width() + c.qkv_width()) *
        scalar_;
    raise(Part::backward, states + gradients + attention);
  }
  /// The head of `rows` rows in slices of `slice` tokens, whose rows are `stride` logits apart.
  void head(const PassBounds& e, std::size_t rows, std::size_t stride) {
    const Config& c = layout_.config();
    raise(Part::head_states, rows * (2 * std::size_t{c.width} + c.embedding_width) * scalar_);
    raise(Part::logits, rows * stride * sizeof(float));
    if (!e.saves_activations) return;
    raise(Part::head_gradients, rows * c.width * scalar_);
    raise(Part::logit_gradients, rows * stride * scalar_);
  }
  /// Weights of the largest range that a pass at probes reads, with the head in slices of `slice` tokens.
  [[nodiscard]] std::uint64_t largest_range(std::size_t slice) const {
    const Config& c = layout_.config();
    std::uint64_t largest = std::uint64_t{std::min<std::size_t>(slice, c.vocab)} * c.width;
    if (c.projected()) largest = std::max(largest, std::uint64_t{c.width} * c.embedding_width);
    for (const Stage stage : {Stage::attention, Stage::ffn_in, Stage::ffn_out})
      largest = std::max(largest, stage_range(layout_, 0, stage).size(layout_));
    return largest;
  }
  /// The entries of all plans.
  [[nodiscard]] tensor::MemoryPlan common_plan() const {
    tensor::MemoryPlan plan;
    plan.add("backbone", static_cast<std::size_t>(layout_.size()) * scalar_);
    plan.add("activations of a pass", sum(Part::hidden, Part::embedded));
    if (sum(Part::backward, Part::backward) > 0)
      plan.add("saved for the backward pass", sum(Part::backward, Part::saved));
    plan.add("head and logits", sum(Part::head_states, Part::logit_gradients));
    if (sum(Part::factors, Part::probes) > 0) plan.add("weights at probes", sum(Part::factors, Part::probes));
    plan.add("low-rank products", sum(Part::products, Part::product_gradients));
    plan.add("adapters and their moments", vectors_);
    return plan;
  }

  ///@{
  /// The model and its adapters.
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const peft::Adapters& adapters() const { return adapters_; }
  ///@}

 private:
  // Columns of the gradient of a sublayer's output, where it is not that of the hidden states.
  static std::size_t output_gradient(const Config& c) {
    return c.adds_plainly() || c.norms_sums() ? 0 : c.width;
  }
  static std::size_t index(Part part) { return static_cast<std::size_t>(part); }

  Layout layout_;
  peft::Adapters adapters_;
  std::size_t scalar_;
  std::array<std::size_t, static_cast<std::size_t>(Part::count)> parts_{};
  std::size_t vectors_ = 0;
};

}  // namespace zofo::model
