/// @file What a model on the card will hold, before it holds it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "zofo/model/config.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/call.hpp"
#include "zofo/model/layer_weights.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::model {

/// The largest batch of one kind of pass.
struct Extent {
  std::size_t tokens = 0, sequences = 0, longest = 0;  ///< rows of prompts count as tokens
  std::size_t head_rows = 0, targets = 0;
  std::size_t probes = 1;      ///< that share a pass: 2 for both sides of a dense direction, 1 at θ itself
  std::uint32_t low_rank = 0;  ///< rank of low-rank probes; 0: dense ones where `perturbed`
  bool perturbed = false;
  bool keeps = false;  ///< a backward pass follows
  bool recompute = false;
};

/// Adds up the memory of a transformer on the card whose passes are at most the given ones; buffers are
/// shared between passes, so each takes its largest. The same sums as CudaBackend, Block, Head and CudaCall
/// make, which a test holds it to.
template <class T>
class CudaPlan {
 public:
  CudaPlan(const Config& config, peft::Adapters adapters) : layout_(config), adapters_(std::move(adapters)) {}

  /// Takes a kind of pass into account.
  void pass(const Extent& e) {
    const Config& c = layout_.config();
    const std::size_t tokens = CallShape::bucket(e.tokens, 64);
    const std::size_t rows = tokens * e.probes;
    const std::size_t head_rows = CallShape::bucket(std::max<std::size_t>(e.head_rows, 1), 8);
    const std::size_t copies = e.keeps && !e.recompute ? c.layers : 1;
    const std::size_t one = e.keeps ? c.qkv_width() + c.query_width() + c.ffn_in()
                                    : std::max(c.qkv_width(), c.ffn_in());  // they share their memory
    const std::size_t normed = e.keeps ? c.width : std::max<std::size_t>(c.width, c.query_width());
    const std::size_t sums = c.pre_norm ? 0 : (e.keeps ? 2 * copies : 1) * c.width;
    raise(activations_,
          rows * (copies * one + c.width + normed + (c.gated() ? c.ffn : 0) + sums + c.embedding_width) *
              sizeof(T));
    if (e.keeps) {
      const std::size_t log_sums = copies * rows * c.heads * sizeof(float);
      const std::size_t states = (c.layers + copies) * rows * c.width * sizeof(T);
      const std::size_t slopes =
          rows * (c.ffn + c.ffn_in() + c.width + c.query_width() + c.qkv_width()) * sizeof(T);
      const tensor::cuda::Rows shape{static_cast<std::uint32_t>(tokens), 1};
      const std::size_t partial = tensor::cuda::attention_backward_workspace(
          {c.heads, c.kv_heads, c.head_dim, c.window}, shape, CallShape::bucket(e.sequences, 8),
          adapters_.virtual_tokens(peft::Kind::prefix));
      raise(backward_, log_sums + states + slopes + partial * sizeof(float));
    }
    const std::size_t slice =
        e.keeps ? c.vocab : std::min<std::size_t>(CudaBackend<T>::head_slice(c), c.vocab);
    const std::size_t logits = e.probes * head_rows * CudaBackend<T>::logit_stride(slice);
    const std::size_t head_states = (e.keeps ? 3 : 2) * std::size_t{c.width} + c.embedding_width;
    raise(head_, e.probes * head_rows * head_states * sizeof(T) +
                     logits * (sizeof(float) + (e.keeps ? sizeof(T) : 0)));
    const std::size_t t_width = 3 * std::size_t{rank() + e.low_rank};
    raise(products_, rows * t_width * sizeof(float) * (e.keeps ? 2 : 1) + dropped(e, rows));
    if (e.perturbed) probes(e);
  }
  /// Adapters on the card, with copies, moments and gradients.
  void vectors(std::size_t count) { vectors_ += count * adapters_.size(adapters_.first()) * sizeof(float); }

  /// The plan, largest things first as a reader thinks of them.
  [[nodiscard]] tensor::MemoryPlan plan() const {
    tensor::MemoryPlan plan;
    plan.add("backbone", static_cast<std::size_t>(layout_.size()) * sizeof(T));
    plan.add("activations of a pass", activations_);
    if (backward_ > 0) plan.add("kept for the backward pass", backward_);
    plan.add("head and logits", head_);
    if (probes_ > 0) plan.add("weights at probes", probes_);
    plan.add("low-rank products", products_);
    plan.add("adapters and their moments", vectors_);
    tensor::cuda::Context::plan(plan);
    return plan;
  }

 private:
  [[nodiscard]] std::uint32_t rank() const {
    return adapters_.has(peft::Kind::lora) ? adapters_.lora().rank() : 0;
  }
  // LoRA's inputs less what is dropped of them.
  [[nodiscard]] std::size_t dropped(const Extent& e, std::size_t rows) const {
    const bool drops = e.keeps && rank() > 0 && adapters_.lora().options().dropout > 0.0F;
    const Config& c = layout_.config();
    return drops ? rows * std::max({std::size_t{c.width}, c.query_width(), std::size_t{c.ffn}}) * sizeof(T)
                 : 0;
  }
  static void raise(std::size_t& entry, std::size_t bytes) { entry = std::max(entry, bytes); }

  void probes(const Extent& e) {
    const Config& c = layout_.config();
    if (e.low_rank > 0) {
      std::uint64_t factors = 0, vectors = 0;
      for (const Tensor& t : layout_.tensors())
        if (t.rows > 1 && t.cols > 1)
          factors += std::uint64_t{e.low_rank} * (t.rows + t.cols);
        else
          vectors += (t.size() + 7) / 8 * 8;
      return raise(probes_,
                   e.probes * static_cast<std::size_t>(factors * sizeof(float) + vectors * sizeof(T)));
    }
    std::uint64_t largest =
        std::uint64_t{std::min<std::size_t>(CudaBackend<T>::head_slice(c), c.vocab)} * c.width;
    if (c.projected()) largest = std::max(largest, std::uint64_t{c.width} * c.embedding_width);
    for (const Stage stage : {Stage::attention, Stage::ffn_in, Stage::ffn_out})
      largest = std::max(largest, stage_range(layout_, 0, stage).size(layout_));
    const std::size_t halves = largest < CudaBackendOptions{}.overlap_below ? 2 : 1;
    raise(probes_, halves * e.probes * static_cast<std::size_t>((largest + 63) / 64 * 64) * sizeof(T));
  }

  Layout layout_;
  peft::Adapters adapters_;
  std::size_t activations_ = 0, backward_ = 0, head_ = 0, products_ = 0, probes_ = 0, vectors_ = 0;
};

}  // namespace zofo::model
