/// @file A CUDA GPU as the device of a run.
#pragma once

#include <Eigen/Core>
#include <optional>

#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/model/cuda/plan.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/vector.hpp"
#include "zofo/train/memory_bounds.hpp"

namespace zofo::llm {

/// A GPU, with weights and activations in T (bf16 or float). Holds the backbone that it was given last.
template <class T>
class CudaDevice {
 public:
  using Backend = model::CudaBackend<T>;

  /// Throws Error that says what is wrong where no GPU can be used.
  explicit CudaDevice(tensor::cuda::Context::Options options = {}) : context_(options) {}

  [[nodiscard]] Backend backend() { return Backend(context_); }
  /// Puts the backbone onto the GPU.
  model::CudaParameters<T>& place(const model::Parameters& theta) { return theta_.emplace(context_, theta); }
  [[nodiscard]] tensor::cuda::Vector vector(const Eigen::VectorXf& x) { return {context_, x}; }
  [[nodiscard]] static Eigen::VectorXf host(const tensor::cuda::Vector& x) { return x.host(); }
  /// Plans the memory of a run whose passes are as large as told. Throws Error that says what to change where
  /// the GPU is too small.
  void reserve(const model::Config& config, const peft::Adapter& adapter, const ExampleBounds& row,
               const PassExamples& rows, bool recompute) {
    const auto extent = [&](std::size_t count) {
      model::PassBounds e;
      e.tokens = count * row.tokens;
      e.sequences = count * row.sequences;
      e.longest = row.longest;
      e.targets = count * row.targets;
      e.head_rows = e.targets;
      return e;
    };
    model::CudaPlan<T> plan(config, adapter);
    model::PassBounds scoring = extent(Backend::max_batch_tokens / row.tokens + 1);
    plan.pass(scoring);
    if (rows.probed > 0) {
      model::PassBounds probed = extent(rows.probed);
      probed.perturbed = true;
      probed.probes = rows.probes;
      probed.low_rank = rows.low_rank;
      plan.pass(probed);
    }
    if (rows.gradient > 0) {
      model::PassBounds gradient = extent(rows.gradient);
      gradient.saves_activations = true;
      gradient.recompute = recompute;
      plan.pass(gradient);
      plan.vectors(rows.vectors);
    }
    if (rows.generation.cache.sequences > 0) plan.cache(rows.generation.cache, rows.generation.prompt_tokens);
    plan_ = plan.plan();
    plan_.check(tensor::cuda::Context::free_memory() + context_.counters().bytes, context_.memory());
  }
  /// The same for texts that are written with a cache, prompts of `prompt_tokens` being read together.
  void reserve_generation(const model::Config& config, const peft::Adapters& adapters,
                          model::CacheCapacity cache, std::size_t prompt_tokens) {
    model::CudaPlan<T> plan(config, adapters);
    plan.cache(cache, prompt_tokens);
    plan_ = plan.plan();
    plan_.check(tensor::cuda::Context::free_memory() + context_.counters().bytes, context_.memory());
  }
  /// What `expect` came to.
  [[nodiscard]] const tensor::MemoryPlan& plan() const { return plan_; }

  /// The most of the GPU's memory that the run has held, in MiB.
  [[nodiscard]] double peak_mib() const {
    return static_cast<double>(context_.counters().peak_bytes) / static_cast<double>(1U << 20U);
  }
  [[nodiscard]] tensor::cuda::Context& context() { return context_; }

 private:
  tensor::cuda::Context context_;
  std::optional<model::CudaParameters<T>> theta_;
  tensor::MemoryPlan plan_;
};

}  // namespace zofo::llm
