/// @file The device memory that a model will use, computed in advance.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "zofo/model/config.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/call.hpp"
#include "zofo/model/kv_cache.hpp"
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

/// Adds up the device memory of a transformer whose passes stay within given bounds. Buffers are shared
/// between passes; each has the largest size that any pass needs. The sums follow the allocations of
/// CudaBackend, Block, Head and CudaCall; a test compares them.
template <class T>
class CudaPlan {
 public:
  /// A plan for a model with these adapters.
  CudaPlan(const Config& config, peft::Adapters adapters) : layout_(config), adapters_(std::move(adapters)) {}

  /// Adds a kind of pass.
  void pass(const PassBounds& e) {
    const std::size_t tokens = CallShape::bucket(e.tokens, e.cached > 0 ? 8 : 64);
    const std::size_t rows = tokens * e.probes;
    activations(e, rows);
    if (e.saves_activations) backward(e, tokens);
    head(e);
    const std::size_t t_width = 3 * std::size_t{rank() + e.low_rank};
    raise(Part::products, rows * t_width * sizeof(float));
    if (e.saves_activations)
      raise(Part::product_gradients, rows * t_width * sizeof(float) + dropped(e, rows));
    if (e.perturbed) probes(e);
    if (e.cached > 0) steps(e, tokens);
  }
  /// Adds a key/value cache, prefills of at most `prompt_tokens` tokens, and decode steps.
  void cache(CacheCapacity capacity, std::size_t prompt_tokens) {
    cache_ += capacity.entries(layout_.config()) * sizeof(T);
    PassBounds prefill;
    prefill.tokens = prompt_tokens;
    prefill.sequences = prefill.head_rows = prefill.targets = capacity.sequences;
    prefill.longest = capacity.positions;
    prefill.whole_head = true;
    pass(prefill);
    PassBounds decode = prefill;
    decode.tokens = capacity.sequences;
    decode.cached = capacity.positions;
    pass(decode);
  }
  /// Adds `count` vectors of an adapter's size: adapters, copies, moments and gradients.
  void vectors(std::size_t count) { vectors_ += count * adapters_.size(adapters_.first()) * sizeof(float); }

  /// The plan.
  [[nodiscard]] tensor::MemoryPlan plan() const {
    tensor::MemoryPlan plan;
    plan.add("backbone", static_cast<std::size_t>(layout_.size()) * sizeof(T));
    plan.add("activations of a pass", sum(Part::hidden, Part::embedded));
    if (parts_[index(Part::backward)] > 0)
      plan.add("saved for the backward pass", sum(Part::backward, Part::saved));
    plan.add("head and logits", sum(Part::head_states, Part::logit_gradients));
    if (sum(Part::factors, Part::probes) > 0) plan.add("weights at probes", sum(Part::factors, Part::probes));
    plan.add("low-rank products", sum(Part::products, Part::product_gradients));
    plan.add("adapters and their moments", vectors_);
    if (cache_ > 0) plan.add("key/value cache", cache_ + sum(Part::steps, Part::steps));
    tensor::cuda::Context::plan(plan);
    return plan;
  }

 private:
  [[nodiscard]] std::uint32_t rank() const {
    return adapters_.has(peft::Kind::lora) ? adapters_.lora().rank() : 0;
  }
  // Bytes of LoRA's masked inputs.
  [[nodiscard]] std::size_t dropped(const PassBounds& e, std::size_t rows) const {
    const bool drops = e.saves_activations && rank() > 0 && adapters_.lora().options().dropout > 0.0F;
    const Config& c = layout_.config();
    return drops ? rows * std::max({std::size_t{c.width}, c.query_width(), std::size_t{c.ffn}}) * sizeof(T)
                 : 0;
  }
  // Buffers that passes share. Each grows to the largest size that any pass needs.
  enum class Part : std::uint8_t {
    hidden,
    normed,
    activated,
    first_ffn_in,  // of the first block; passes without a backward pass use it for all blocks
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
  static std::size_t index(Part part) { return static_cast<std::size_t>(part); }
  void raise(Part part, std::size_t bytes) { parts_[index(part)] = std::max(parts_[index(part)], bytes); }
  [[nodiscard]] std::size_t sum(Part first, Part last) const {
    std::size_t bytes = 0;
    for (std::size_t i = index(first); i <= index(last); ++i) bytes += parts_[i];
    return bytes;
  }

  void activations(const PassBounds& e, std::size_t rows) {
    const Config& c = layout_.config();
    const std::size_t row = rows * sizeof(T);
    raise(Part::hidden, row * c.width);
    raise(Part::normed,
          row * (e.saves_activations ? c.width : std::max<std::size_t>(c.width, c.query_width())));
    raise(Part::activated, row * (c.gated() ? c.ffn : 0));
    // Without a backward pass, q, k and v share a buffer with the MLP's first projection.
    raise(Part::first_ffn_in, row * (e.saves_activations ? c.ffn_in() : std::max(c.qkv_width(), c.ffn_in())));
    raise(Part::first_sum, row * (c.pre_norm ? 0 : c.width));
    raise(Part::embedded, row * c.embedding_width);
    if (!e.saves_activations) return;
    const std::size_t copies = e.recompute ? 1 : c.layers;
    const std::size_t sums = c.pre_norm ? 0 : (2 * copies - 1) * c.width;
    raise(Part::saved, row * (copies * (c.qkv_width() + c.query_width()) + (copies - 1) * c.ffn_in() + sums));
  }
  void backward(const PassBounds& e, std::size_t rows) {
    const Config& c = layout_.config();
    const std::size_t copies = e.recompute ? 1 : c.layers;
    const std::size_t log_sums = copies * rows * c.heads * sizeof(float);
    const std::size_t states = (c.layers + copies) * rows * c.width * sizeof(T);
    const std::size_t gradients =
        rows * (c.ffn + c.ffn_in() + c.width + c.query_width() + c.qkv_width()) * sizeof(T);
    const std::size_t partial = tensor::cuda::attention_backward_workspace(
        {c.heads, c.kv_heads, c.head_dim, c.window}, {static_cast<std::uint32_t>(rows), 1},
        CallShape::bucket(e.sequences, 8), adapters_.virtual_tokens(peft::Kind::prefix));
    raise(Part::backward, log_sums + states + gradients + partial * sizeof(float));
  }
  void head(const PassBounds& e) {
    const Config& c = layout_.config();
    const std::size_t rows = e.probes * CallShape::bucket(std::max<std::size_t>(e.head_rows, 1), 8);
    const std::size_t slice = e.saves_activations || e.whole_head
                                  ? c.vocab
                                  : std::min<std::size_t>(CudaBackend<T>::head_slice(c), c.vocab);
    const std::size_t logits = rows * CudaBackend<T>::logit_stride(slice);
    raise(Part::head_states, rows * (2 * std::size_t{c.width} + c.embedding_width) * sizeof(T));
    raise(Part::logits, logits * sizeof(float));
    if (!e.saves_activations) return;
    raise(Part::head_gradients, rows * c.width * sizeof(T));
    raise(Part::logit_gradients, logits * sizeof(T));
  }

  void steps(const PassBounds& e, std::size_t rows) {
    const Config& c = layout_.config();
    const tensor::cuda::AttentionShape shape{c.heads, c.kv_heads, c.head_dim, c.window};
    const auto count = static_cast<std::uint32_t>(rows);
    const std::uint32_t splits = CudaBackend<T>::splits(shape, count, CallShape::bucket(e.cached, 128));
    raise(Part::steps, tensor::cuda::decode_workspace(shape, count, splits) * sizeof(float));
  }
  void probes(const PassBounds& e) {
    const Config& c = layout_.config();
    if (e.low_rank > 0) {
      std::uint64_t factors = 0, vectors = 0;
      for (const Tensor& t : layout_.tensors())
        if (t.rows > 1 && t.cols > 1)
          factors += std::uint64_t{e.low_rank} * (t.rows + t.cols);
        else
          vectors += (t.size() + 7) / 8 * 8;
      raise(Part::factors,
            e.probes * static_cast<std::size_t>(factors * sizeof(float) + vectors * sizeof(T)));
      // Assumes probes of one direction, as in two-sided evaluation.
      const std::size_t rows = CallShape::bucket(e.tokens, 64) * e.probes;
      if (!CudaLowRank<T>::writes(rows, e.probes, c.width)) return;
    }
    std::uint64_t largest =
        std::uint64_t{std::min<std::size_t>(CudaBackend<T>::head_slice(c), c.vocab)} * c.width;
    if (c.projected()) largest = std::max(largest, std::uint64_t{c.width} * c.embedding_width);
    for (const Stage stage : {Stage::attention, Stage::ffn_in, Stage::ffn_out})
      largest = std::max(largest, stage_range(layout_, 0, stage).size(layout_));
    const std::size_t buffers = largest < CudaBackendOptions{}.overlap_below ? 2 : 1;
    raise(Part::probes, buffers * e.probes * static_cast<std::size_t>((largest + 63) / 64 * 64) * sizeof(T));
  }

  Layout layout_;
  peft::Adapters adapters_;
  std::array<std::size_t, static_cast<std::size_t>(Part::count)> parts_{};
  std::size_t vectors_ = 0, cache_ = 0;
};

}  // namespace zofo::model
