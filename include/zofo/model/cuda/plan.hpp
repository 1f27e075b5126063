/// @file The device memory that a model will use, computed in advance.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "zofo/model/config.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/call.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/model/pass_plan.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::model {

/// Adds up the device memory of a transformer whose passes stay within given bounds. The sums follow the
/// allocations of CudaBackend, Block, Head and CudaCall; a test compares them.
template <class T>
class CudaPlan : public PassPlan {
 public:
  /// A plan for a model with these adapters.
  CudaPlan(const Config& config, peft::Adapters adapters)
      : PassPlan(config, std::move(adapters), sizeof(T)) {}

  /// Adds a kind of pass.
  void pass(const PassBounds& e) {
    const std::size_t tokens = CallShape::bucket(e.tokens, e.cached > 0 ? 8 : 64);
    const std::size_t rows = tokens * e.probes;
    activations(e, rows);
    if (e.saves_activations) backward(e, tokens, attention_backward(e, tokens));
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
    cache_ += capacity.entries(layout().config()) * sizeof(T);
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

  /// The plan.
  [[nodiscard]] tensor::MemoryPlan plan() const {
    tensor::MemoryPlan plan = common_plan();
    if (cache_ > 0) plan.add("key/value cache", cache_ + sum(Part::steps, Part::steps));
    tensor::cuda::Context::plan(plan);
    return plan;
  }

 private:
  // Bytes of LoRA's masked inputs.
  [[nodiscard]] std::size_t dropped(const PassBounds& e, std::size_t rows) const {
    const bool drops = e.saves_activations && rank() > 0 && adapters().lora().options().dropout > 0.0F;
    const Config& c = layout().config();
    return drops ? rows * std::max({std::size_t{c.width}, c.query_width(), std::size_t{c.ffn}}) * sizeof(T)
                 : 0;
  }
  // Bytes of the sums and partial gradients of attention's backward pass.
  [[nodiscard]] std::size_t attention_backward(const PassBounds& e, std::size_t rows) const {
    const Config& c = layout().config();
    const std::size_t copies = e.recompute ? 1 : c.layers;
    const std::size_t log_sums = copies * rows * c.heads * sizeof(float);
    const std::size_t partial = tensor::cuda::attention_backward_workspace(
        {c.heads, c.kv_heads, c.head_dim, 0}, {static_cast<std::uint32_t>(rows), 1},
        CallShape::bucket(e.sequences, 8), adapters().virtual_tokens(peft::Kind::prefix));
    return log_sums + partial * sizeof(float);
  }
  void head(const PassBounds& e) {
    const Config& c = layout().config();
    const std::size_t rows = e.probes * CallShape::bucket(std::max<std::size_t>(e.head_rows, 1), 8);
    const std::size_t slice = e.saves_activations || e.whole_head
                                  ? c.vocab
                                  : std::min<std::size_t>(CudaBackend<T>::head_slice(c), c.vocab);
    PassPlan::head(e, rows, CudaBackend<T>::logit_stride(slice));
  }

  void steps(const PassBounds& e, std::size_t rows) {
    const Config& c = layout().config();
    const tensor::cuda::AttentionShape shape{c.heads, c.kv_heads, c.head_dim, c.widest_window()};
    const auto count = static_cast<std::uint32_t>(rows);
    const std::uint32_t splits = CudaBackend<T>::splits(shape, count, CallShape::bucket(e.cached, 128));
    raise(Part::steps, tensor::cuda::decode_workspace(shape, count, splits) * sizeof(float));
  }
  void probes(const PassBounds& e) {
    const Config& c = layout().config();
    if (e.low_rank > 0) {
      std::uint64_t factors = 0, vectors = 0;
      for (const Tensor& t : layout().tensors())
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
    const std::uint64_t largest = largest_range(CudaBackend<T>::head_slice(c));
    const std::size_t buffers = largest < CudaBackendOptions{}.overlap_below ? 2 : 1;
    raise(Part::probes, buffers * e.probes * static_cast<std::size_t>((largest + 63) / 64 * 64) * sizeof(T));
  }

  std::size_t cache_ = 0;
};

}  // namespace zofo::model
