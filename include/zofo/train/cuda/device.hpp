/// @file A GPU as the device of a run.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "zofo/config/make_adapter.hpp"
#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/model/cuda/plan.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/vector.hpp"
#include "zofo/train/memory_bounds.hpp"
#include "zofo/train/run_bounds.hpp"

namespace zofo::llm {

/// A GPU, with weights and activations in T (bf16 or float). Owns the backbone that was placed last.
template <class T>
class CudaDevice {
 public:
  using Backend = model::CudaBackend<T>;  ///< of the transformer

  /// Opens the GPU. Throws Error with the reason if it cannot be used.
  explicit CudaDevice(tensor::cuda::Context::Options options = {}) : context_(options) {}

  /// A new backend on this GPU.
  [[nodiscard]] Backend backend() { return Backend(context_); }
  /// Copies the backbone to the GPU.
  model::CudaParameters<T>& place(const model::Parameters& theta) { return theta_.emplace(context_, theta); }
  ///@{
  /// Copies a vector to the GPU, and back.
  [[nodiscard]] tensor::cuda::Vector vector(const Eigen::VectorXf& x) { return {context_, x}; }
  [[nodiscard]] static Eigen::VectorXf host(const tensor::cuda::Vector& x) { return x.host(); }
  ///@}
  /// Plans the memory of a run whose passes stay within the given bounds. Throws Error that names the largest
  /// entries and what to change if the GPU's memory is too small.
  void reserve(const model::Config& config, const peft::Adapter& adapter, const ExampleBounds& row,
               const PassExamples& rows, bool recompute) {
    model::CudaPlan<T> plan(config, adapter);
    add_passes(plan, row, rows, recompute, Backend::max_batch_tokens);
    plan_ = plan.plan();
    plan_.check(tensor::cuda::Context::free_memory() + context_.counters().bytes, context_.memory());
  }
  /// The same for generation with a key/value cache and prefills of at most `prompt_tokens` tokens.
  void reserve_generation(const model::Config& config, const peft::Adapters& adapters,
                          model::CacheCapacity cache, std::size_t prompt_tokens) {
    model::CudaPlan<T> plan(config, adapters);
    plan.cache(cache, prompt_tokens);
    plan_ = plan.plan();
    plan_.check(tensor::cuda::Context::free_memory() + context_.counters().bytes, context_.memory());
  }
  /// The plan of the last call of `reserve` or `reserve_generation`.
  [[nodiscard]] const tensor::MemoryPlan& plan() const { return plan_; }

  /// The maximum of the device memory in use so far, in MiB.
  [[nodiscard]] double peak_mib() const {
    return static_cast<double>(context_.counters().peak_bytes) / static_cast<double>(1U << 20U);
  }
  /// The GPU.
  [[nodiscard]] tensor::cuda::Context& context() { return context_; }

 private:
  tensor::cuda::Context context_;
  std::optional<model::CudaParameters<T>> theta_;
  tensor::MemoryPlan plan_;
};

/// The device memory of a run on a GPU with weights in T. Needs no GPU.
template <class T>
tensor::MemoryPlan cuda_run_plan(const model::Config& config, const RunOptions& o,
                                 const std::vector<RunTask>& tasks) {
  using Backend = model::CudaBackend<T>;
  const peft::Adapter layout = make_adapter(config, o);
  const RunBounds bounds = run_bounds<Backend>(config, o, tasks, layout);
  model::CudaPlan<T> plan(config, layout);
  add_passes(plan, bounds.example, bounds.passes, o.gradient_checkpointing, Backend::max_batch_tokens);
  return plan.plan();
}

}  // namespace zofo::llm
