/// @file The memory that a model will use on the CPU, computed in advance.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "zofo/model/cpu_backend.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/model/pass_plan.hpp"

namespace zofo::model {

/// Adds up the memory of a transformer on the CPU whose passes stay within given bounds. The sums follow the
/// allocations of CpuBackend, Block and Head. Not included: the program itself, the BLAS's workspaces, the
/// tokenizer and the examples.
class CpuPlan : public PassPlan {
 public:
  /// A plan for a model with these adapters.
  CpuPlan(const Config& config, peft::Adapters adapters)
      : PassPlan(config, std::move(adapters), sizeof(float)) {}

  /// Adds a kind of pass. Probes that share no direction have passes of their own, one after the other.
  void pass(PassBounds e) {
    e.probes = std::min<std::size_t>(e.probes, 2);
    const std::size_t rows = e.tokens * e.probes;
    activations(e, rows);
    if (e.saves_activations) backward(e, rows, 0);
    const Config& c = layout().config();
    const std::size_t slice = e.saves_activations || e.whole_head
                                  ? c.vocab
                                  : std::min<std::size_t>(CpuBackend::head_slice(c), c.vocab);
    head(e, e.probes * std::max<std::size_t>(e.head_rows, 1), CpuBackend::logit_stride(slice));
    // The products of all modules of a stage, of which q, k and v are the most, and their gradients.
    const std::size_t products = rows * 3 * std::size_t{rank()} * sizeof(float);
    raise(Part::products, products);
    raise(Part::product_gradients, products);
    if (e.perturbed) raise(Part::probes, e.probes * largest_range(CpuBackend::head_slice(c)) * sizeof(float));
  }
  /// Adds a key/value cache, prefills of at most `prompt_tokens` tokens, and decode steps.
  void cache(CacheCapacity capacity, std::size_t prompt_tokens) {
    cache_ += capacity.entries(layout().config()) * sizeof(float);
    PassBounds prefill;
    prefill.tokens = std::max(prompt_tokens, capacity.sequences);
    prefill.sequences = prefill.head_rows = prefill.targets = capacity.sequences;
    prefill.longest = capacity.positions;
    prefill.whole_head = true;
    pass(prefill);
    raise(Part::steps, capacity.sequences * layout().config().heads * capacity.positions * sizeof(float));
  }
  /// Adds `count` vectors of the backbone's size: moments and copies.
  void backbones(std::size_t count) { backbones_ += count; }

  /// The plan.
  [[nodiscard]] tensor::MemoryPlan plan() const {
    tensor::MemoryPlan plan = common_plan();
    if (cache_ > 0) plan.add("key/value cache", cache_ + sum(Part::steps, Part::steps));
    if (backbones_ > 0)
      plan.add("moments and copies of the backbone",
               backbones_ * static_cast<std::size_t>(layout().size()) * sizeof(float));
    return plan;
  }

 private:
  std::size_t backbones_ = 0, cache_ = 0;
};

}  // namespace zofo::model
