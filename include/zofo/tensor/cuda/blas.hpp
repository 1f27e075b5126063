/// @file Matrix products by cuBLAS, with the fastest algorithm on this GPU for each shape.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tensor/cuda/blas_plan.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/graph.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Products on the main stream. The first call of a shape outside a capture times cuBLAS's candidates on the
/// given arrays; it waits for the GPU and may allocate memory. If a product of nearly as many rows was timed
/// before, its choice is reused, because loading a kernel takes longer than many passes. Later calls only
/// launch. In a capture, and always in a deterministic context, a new shape uses cuBLAS's first candidate: a
/// choice by time may differ between runs, and with it the order of sums. Refers to the context.
class Blas {
 public:
  /// Products on this GPU.
  explicit Blas(Context& context) : context_(&context), start_(make_event(true)), end_(make_event(true)) {}

  /// y = product of x and W + beta·y + bias, relu (see Product). (T, Y): (bf16, bf16), (float, float), or
  /// (bf16, float) without bias; sums are fp32. `bias` is read if product.bias is set and must be aligned to
  /// 16 bytes in each product of a batch. Throws Error for a size beyond 2^31 or if cuBLAS has no algorithm.
  template <class T, class Y>
  void multiply(const Product& product, const T* x, const T* w, const std::type_identity_t<T>* bias, Y* y) {
    multiply(product, x, w, bias, y, y);
  }

  /// The same with beta·from instead of beta·y; `from` has the shape of y, or is y.
  template <class T, class Y>
  void multiply(const Product& product, const T* x, const T* w, const std::type_identity_t<T>* bias,
                const std::type_identity_t<Y>* from, Y* y) {
    static_assert(std::is_same_v<Y, float> || (std::is_same_v<Y, bf16> && std::is_same_v<T, bf16>),
                  "zofo: products are bf16 to bf16, bf16 to float or float to float");
    if (product.rows == 0 || product.out == 0 || product.batch == 0) return;
    const Product p = detail::normal_form(product);
    detail::check_sizes(p);
    if (p.bias) check_bias(p, bias, sizeof(T), std::is_same_v<T, Y>);
    if (p.beta == 0.0F) from = y;
    const detail::ProductKey key{p,
                                 type_of<T>(),
                                 type_of<Y>(),
                                 detail::alignment(x, p.x_stride, sizeof(T)),
                                 detail::alignment(w, p.w_stride, sizeof(T)),
                                 detail::alignment(from, p.y_stride, sizeof(Y)),
                                 detail::alignment(y, p.y_stride, sizeof(Y)),
                                 from == y};
    const Arrays arrays{x, w, bias, from, y};
    detail::ProductPlan& plan = ready(key, arrays);
    if (!plan.one_by_one) return check(launch(key.product, plan, plan.algorithm, arrays), "multiplying");
    Product one = p;
    one.batch = 1;
    for (std::size_t i = 0; i < p.batch; ++i)
      multiply(one, x + i * p.x_stride, w + i * p.w_stride, p.bias ? bias + i * p.bias_stride : nullptr,
               from + i * p.y_stride, y + i * p.y_stride);
  }

  /// Sets scratch memory that a search may overwrite, until the next call of this function; null: a search
  /// that needs a second y allocates it.
  void set_scratch(void* memory, std::size_t bytes) { scratch_ = {memory, bytes}; }

  /// Number of shapes with a chosen algorithm.
  [[nodiscard]] std::size_t shapes() const { return plans_.size(); }

 private:
  struct Arrays {
    const void *x, *w, *bias, *from;
    void* y;
  };

  template <class T>
  static constexpr cudaDataType type_of() {
    return std::is_same_v<T, bf16> ? CUDA_R_16BF : CUDA_R_32F;
  }

  // cuBLAS's epilogues read the bias in vectors, and its type must be y's.
  static void check_bias(const Product& p, const void* bias, std::size_t element, bool one_type) {
    require(one_type, "product: bias = true: y must have the type of x");
    require(bias != nullptr, "product: bias = true: the pointer must not be null");
    require(detail::alignment(bias, p.bias_stride, element) == 16,
            "product: the bias must be aligned to 16 bytes in every product of a batch");
  }

  cublasStatus_t launch(const Product& p, const detail::ProductPlan& plan,
                        const cublasLtMatmulAlgo_t& algorithm, const Arrays& arrays) const {
    const float alpha = 1.0F;
    if (p.bias) detail::set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, arrays.bias);
    return cublasLtMatmul(context_->blas(), plan.operation.get(), &alpha, arrays.w, plan.w.get(), arrays.x,
                          plan.x.get(), &p.beta, arrays.from, plan.y.get(), arrays.y, plan.y.get(),
                          &algorithm, context_->workspace(), Context::workspace_bytes, context_->stream());
  }

  // The plan of this key with an algorithm; searches for the fastest one if that is allowed and not yet done.
  detail::ProductPlan& ready(const detail::ProductKey& key, const Arrays& arrays) {
    const auto [entry, is_new] = plans_.try_emplace(key);
    detail::ProductPlan& plan = entry->second;
    if (plan.searched || plan.one_by_one) return plan;
    const bool may_search = !context_->deterministic() && !context_->capturing();
    if (plan.chosen && !may_search) return plan;
    try {
      if (is_new) plan = detail::make_plan(key);
      if (!may_search || !reuse_choice(key, plan)) choose(key, plan, may_search, arrays);
    } catch (...) {
      plans_.erase(entry);
      throw;
    }
    return plan;
  }

  void choose(const detail::ProductKey& key, detail::ProductPlan& plan, bool may_search,
              const Arrays& arrays) {
    constexpr int max_candidates = 24;
    const auto candidates = detail::algorithms(*context_, key, plan, may_search ? max_candidates : 1);
    if (candidates.empty()) {
      require(key.product.batch > 1,
              "cuBLAS has no algorithm for a product of {} rows, {} outputs and {} inputs on {}",
              key.product.rows, key.product.out, key.product.in, context_->name());
      plan.one_by_one = true;
      return;
    }
    plan.algorithm = candidates.front();
    plan.chosen = true;
    if (context_->deterministic()) plan.searched = true;  // no search follows
    if (!may_search) return;
    search(key, plan, candidates, arrays);
    near_.insert_or_assign(detail::near(key), plan.algorithm);
  }

  // Reuses the choice of a product of nearly as many rows, if that algorithm supports this one.
  bool reuse_choice(const detail::ProductKey& key, detail::ProductPlan& plan) const {
    const auto found = near_.find(detail::near(key));
    if (found == near_.end()) return false;
    cublasLtMatmulHeuristicResult_t result{};
    const cublasStatus_t status =
        cublasLtMatmulAlgoCheck(context_->blas(), plan.operation.get(), plan.w.get(), plan.x.get(),
                                plan.y.get(), plan.y.get(), &found->second, &result);
    if (status != CUBLAS_STATUS_SUCCESS || result.workspaceSize > Context::workspace_bytes) return false;
    plan.algorithm = found->second;
    plan.chosen = plan.searched = true;
    return true;
  }

  // Chooses the fastest candidate. Without memory for a second y, the first one remains.
  void search(const detail::ProductKey& key, detail::ProductPlan& plan,
              const std::vector<cublasLtMatmulAlgo_t>& candidates, const Arrays& arrays) {
    plan.searched = true;
    if (candidates.size() == 1) return;
    std::optional<Scratch> scratch = make_scratch(key, arrays);
    if (!scratch) return;
    float best = std::numeric_limits<float>::infinity();
    for (const cublasLtMatmulAlgo_t& candidate : candidates) {
      const std::optional<float> time = time_of(key.product, plan, candidate, scratch->arrays, best);
      if (!time || *time >= best) continue;
      best = *time;
      plan.algorithm = candidate;
    }
    require(best < std::numeric_limits<float>::infinity(),
            "cuBLAS: every algorithm failed for a product of {} rows, {} outputs and {} inputs",
            key.product.rows, key.product.out, key.product.in);
  }

  // The arrays of a timing run: the product's own, whose y it overwrites anyway. If beta is not 0 and y is
  // also an input, a run would change it; then another y, aligned like the first.
  struct Scratch {
    Buffer<unsigned char> memory;
    Arrays arrays;
  };
  [[nodiscard]] std::optional<Scratch> make_scratch(const detail::ProductKey& key,
                                                    const Arrays& arrays) const {
    constexpr std::size_t granule = 256;
    const Product& p = key.product;
    if (p.beta == 0.0F || !key.in_place) return Scratch{{}, arrays};
    const std::size_t element = key.out_type == CUDA_R_32F ? sizeof(float) : sizeof(bf16);
    const std::size_t bytes = ((p.batch - 1) * p.y_stride + (p.rows - 1) * p.y_ld + p.out) * element;
    if (bytes <= scratch_.bytes && reinterpret_cast<std::uintptr_t>(scratch_.memory) % granule ==
                                       reinterpret_cast<std::uintptr_t>(arrays.y) % granule) {
      Scratch reused{{}, arrays};
      reused.arrays.y = scratch_.memory;
      reused.arrays.from = scratch_.memory;
      return reused;
    }
    if (bytes + 2 * granule > Context::free_memory()) return std::nullopt;
    Scratch scratch{Buffer<unsigned char>(*context_, bytes + granule), arrays};
    scratch.arrays.y = scratch.memory.data() + reinterpret_cast<std::uintptr_t>(arrays.y) % granule;
    if (key.in_place) scratch.arrays.from = scratch.arrays.y;
    return scratch;
  }

  // Milliseconds of one product by this algorithm; nothing if the algorithm fails. It is timed in a graph, as
  // it will run, because single launches take longer than a short kernel. One much slower than `best` is
  // timed only once.
  std::optional<float> time_of(const Product& p, const detail::ProductPlan& plan,
                               const cublasLtMatmulAlgo_t& algorithm, const Arrays& arrays, float best) {
    const auto run = [&] { return launch(p, plan, algorithm, arrays); };
    if (run() != CUBLAS_STATUS_SUCCESS) {  // also loads the kernel
      cudaGetLastError();
      return std::nullopt;
    }
    const float once = elapsed([&] { check(run(), "timing a product"); });
    constexpr float launch_ms = 0.02F, sample_ms = 0.2F;
    if (once > 2.0F * best + launch_ms) return once;
    const int repeats = std::clamp(static_cast<int>(sample_ms / std::max(once, 1e-3F)), 1, 8);
    std::optional<Graph> graph;
    try {
      graph = Graph::capture(*context_, [&] {
        for (int i = 0; i < repeats; ++i) check(run(), "timing a product");
      });
    } catch (const Error&) {
      return std::nullopt;  // an algorithm that cannot be captured is useless
    }
    graph->launch(*context_);
    std::array<float, 3> times{};
    for (float& time : times) time = elapsed([&] { graph->launch(*context_); }) / static_cast<float>(repeats);
    std::ranges::sort(times);
    return times[1];
  }

  // Milliseconds that the work queued by f takes on the GPU.
  template <class F>
  float elapsed(F&& f) {
    check(cudaEventRecord(start_.get(), context_->stream()), "timing");
    f();
    check(cudaEventRecord(end_.get(), context_->stream()), "timing");
    context_->synchronise();
    float milliseconds = 0.0F;
    check(cudaEventElapsedTime(&milliseconds, start_.get(), end_.get()), "timing");
    return milliseconds;
  }

  struct ScratchMemory {
    void* memory = nullptr;
    std::size_t bytes = 0;
  };

  Context* context_;
  ScratchMemory scratch_;
  Event start_, end_;
  std::unordered_map<detail::ProductKey, detail::ProductPlan, detail::ProductKeyHash> plans_;
  std::unordered_map<detail::ProductKey, cublasLtMatmulAlgo_t, detail::ProductKeyHash> near_;
};

}  // namespace zofo::tensor::cuda
