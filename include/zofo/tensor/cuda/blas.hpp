/// @file Matrix products by cuBLAS, each shape with the algorithm that is fastest on this GPU.
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
/// arrays given (it waits for the GPU and takes memory for the call), unless a product of nearly as many
/// rows did so before: then it takes that one's choice, as a kernel's loading takes longer than many passes.
/// Later calls only launch. In a capture, and always where the context is deterministic, a new shape takes
/// cuBLAS's first candidate: a choice by time may differ between runs, and with it the order of sums. Borrows
/// the context.
class Blas {
 public:
  explicit Blas(Context& context) : context_(&context), start_(make_event(true)), end_(make_event(true)) {}

  /// y = product of x and W + beta·y + bias, relu (see Product). T, Y: bf16 or float each, float and float,
  /// or bf16 and float (without bias); sums are fp32. `bias` is read if product.bias and starts, in each
  /// product of a batch, on 16 bytes. Throws Error for a size beyond 2^31 and where cuBLAS has no algorithm.
  template <class T, class Y>
  void multiply(const Product& product, const T* x, const T* w, const std::type_identity_t<T>* bias, Y* y) {
    multiply(product, x, w, bias, y, y);
  }

  /// The same with beta·from in place of beta·y; from: like y, or y itself.
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
    if (!plan.apart) return check(launch(key.product, plan, plan.algorithm, arrays), "multiplying");
    Product one = p;
    one.batch = 1;
    for (std::size_t i = 0; i < p.batch; ++i)
      multiply(one, x + i * p.x_stride, w + i * p.w_stride, p.bias ? bias + i * p.bias_stride : nullptr,
               from + i * p.y_stride, y + i * p.y_stride);
  }

  /// Memory that a search may overwrite until the next call of this; else one that needs a second y allocates
  /// it.
  void lend(void* memory, std::size_t bytes) { lent_ = {memory, bytes}; }

  /// Shapes whose algorithm was chosen.
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

  // cuBLAS's epilogues read the bias in vectors and want it in y's type.
  static void check_bias(const Product& p, const void* bias, std::size_t element, bool one_type) {
    require(one_type, "product: a bias needs y in the type of x");
    require(bias != nullptr, "product: bias is set, but there is none");
    require(detail::alignment(bias, p.bias_stride, element) == 16,
            "product: the bias must start on 16 bytes in every product of a batch");
  }

  cublasStatus_t launch(const Product& p, const detail::ProductPlan& plan,
                        const cublasLtMatmulAlgo_t& algorithm, const Arrays& arrays) const {
    const float alpha = 1.0F;
    if (p.bias) detail::set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, arrays.bias);
    return cublasLtMatmul(context_->blas(), plan.operation.get(), &alpha, arrays.w, plan.w.get(), arrays.x,
                          plan.x.get(), &p.beta, arrays.from, plan.y.get(), arrays.y, plan.y.get(),
                          &algorithm, context_->workspace(), Context::workspace_bytes, context_->stream());
  }

  // The plan of this key with an algorithm chosen, searching for it if that is due and allowed.
  detail::ProductPlan& ready(const detail::ProductKey& key, const Arrays& arrays) {
    const auto [entry, is_new] = plans_.try_emplace(key);
    detail::ProductPlan& plan = entry->second;
    if (plan.searched || plan.apart) return plan;
    const bool may_search = !context_->deterministic() && !context_->capturing();
    if (plan.chosen && !may_search) return plan;
    try {
      if (is_new) plan = detail::make_plan(key);
      if (!may_search || !borrow(key, plan)) choose(key, plan, may_search, arrays);
    } catch (...) {
      plans_.erase(entry);
      throw;
    }
    return plan;
  }

  void choose(const detail::ProductKey& key, detail::ProductPlan& plan, bool may_search,
              const Arrays& arrays) {
    constexpr int most = 24;
    const auto candidates = detail::algorithms(*context_, key, plan, may_search ? most : 1);
    if (candidates.empty()) {
      require(key.product.batch > 1,
              "cuBLAS has no algorithm for a product of {} rows, {} outputs and {} inputs on {}",
              key.product.rows, key.product.out, key.product.in, context_->name());
      plan.apart = true;
      return;
    }
    plan.algorithm = candidates.front();
    plan.chosen = true;
    if (context_->deterministic()) plan.searched = true;  // nothing to wait for
    if (!may_search) return;
    search(key, plan, candidates, arrays);
    near_.insert_or_assign(detail::near(key), plan.algorithm);
  }

  // Takes the choice of a product of nearly as many rows, if that algorithm can do this one too.
  bool borrow(const detail::ProductKey& key, detail::ProductPlan& plan) const {
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

  // Sets the fastest of the candidates. Short of memory for a second y, the first stays.
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

  // The real arrays, whose y the product is about to overwrite; with beta a run changes what it adds to, and
  // then another y, aligned like the real one.
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
    if (bytes <= lent_.bytes && reinterpret_cast<std::uintptr_t>(lent_.memory) % granule ==
                                    reinterpret_cast<std::uintptr_t>(arrays.y) % granule) {
      Scratch lent{{}, arrays};
      lent.arrays.y = lent_.memory;
      lent.arrays.from = lent_.memory;
      return lent;
    }
    if (bytes + 2 * granule > Context::free_memory()) return std::nullopt;
    Scratch scratch{Buffer<unsigned char>(*context_, bytes + granule), arrays};
    scratch.arrays.y = scratch.memory.data() + reinterpret_cast<std::uintptr_t>(arrays.y) % granule;
    if (key.in_place) scratch.arrays.from = scratch.arrays.y;
    return scratch;
  }

  // Milliseconds of one product by this algorithm, as part of a graph, because that is where it will run and
  // launches from here would hide what a short kernel takes; nothing if the algorithm fails. One that is far
  // behind `best` is timed only once.
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
      return std::nullopt;  // of no use if it cannot be captured
    }
    graph->launch(*context_);
    std::array<float, 3> times{};
    for (float& time : times) time = elapsed([&] { graph->launch(*context_); }) / static_cast<float>(repeats);
    std::ranges::sort(times);
    return times[1];
  }

  // Milliseconds on the GPU of what f queues.
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

  struct Lent {
    void* memory = nullptr;
    std::size_t bytes = 0;
  };

  Context* context_;
  Lent lent_;
  Event start_, end_;
  std::unordered_map<detail::ProductKey, detail::ProductPlan, detail::ProductKeyHash> plans_;
  std::unordered_map<detail::ProductKey, cublasLtMatmulAlgo_t, detail::ProductKeyHash> near_;
};

}  // namespace zofo::tensor::cuda
