/// @file Base of the operations on the GPU: reusable memory, and passes recorded into graphs.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "zofo/model/cuda/call.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/model/cuda/probed.hpp"
#include "zofo/tensor/cuda/blas.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/graph.hpp"
#include "zofo/tensor/cuda/vector.hpp"

namespace zofo::model {

/// A reusable buffer in device memory; it grows outside of recordings.
template <class T>
struct CudaWorkspace {
  tensor::cuda::Buffer<T> memory;  ///< the buffer
};

/// Options of the backend.
struct CudaBackendOptions {
  /// Perturbed weights of stages with fewer weights are written while the stage before computes (CudaStages).
  std::size_t overlap_below = std::size_t{1} << 23U;
};

/// The part of CudaBackend that runs passes and owns their memory. The second pass of a shape is recorded
/// into a graph; later ones replay it. Refers to the context.
template <class T>
class CudaWork {
 public:
  ///@{
  /// Types of weights, adapters, workspaces and views.
  using Scalar = T;
  using Theta = CudaParameters<T>;
  using Vector = tensor::cuda::Vector;
  using Buffer = CudaWorkspace<T>;
  using FloatBuffer = CudaWorkspace<float>;
  using Call = CudaCall;
  using View = tensor::MatrixView<T>;
  using ConstView = tensor::MatrixView<const T>;
  using FloatView = tensor::MatrixView<float>;
  ///@}

  /// A backend on this GPU.
  explicit CudaWork(tensor::cuda::Context& context, CudaBackendOptions options = {})
      : state_(std::make_unique<State>(context, options)) {}

  /// The GPU.
  [[nodiscard]] tensor::cuda::Context& context() const { return state_->context; }

  ///@{
  /// A dense view of the buffer's first rows·cols entries; enlarges a shorter buffer.
  View view(Buffer& buffer, std::size_t rows, std::size_t cols) {
    grow(buffer.memory, rows * cols);
    return tensor::view(buffer.memory.data(), rows, cols);
  }
  FloatView float_view(FloatBuffer& buffer, std::size_t rows, std::size_t cols) {
    grow(buffer.memory, rows * cols);
    return tensor::view(buffer.memory.data(), rows, cols);
  }
  ///@}
  /// x = 0; x is dense.
  void fill_zero(View x) const {
    tensor::cuda::check(cudaMemsetAsync(x.data, 0, x.rows * x.cols * sizeof(T), context().stream()),
                        "clearing");
  }

  /// to = from; both are dense.
  void copy(ConstView from, View to) const {
    tensor::cuda::check(cudaMemcpyAsync(to.data, from.data, from.rows * from.cols * sizeof(T),
                                        cudaMemcpyDeviceToDevice, context().stream()),
                        "copying rows");
  }
  /// A view's entries in host memory, row by row; waits for the GPU.
  template <class Entry>
  [[nodiscard]] std::vector<float> read(tensor::MatrixView<Entry> x) const {
    using Value = std::remove_const_t<Entry>;
    std::vector<Value> values(x.rows * x.cols);
    tensor::cuda::check(
        cudaMemcpy2DAsync(values.data(), x.cols * sizeof(Value), x.data, x.stride * sizeof(Value),
                          x.cols * sizeof(Value), x.rows, cudaMemcpyDeviceToHost, context().stream()),
        "reading rows");
    context().synchronise();
    if constexpr (std::same_as<Value, float>) {
      return values;
    } else {
      std::vector<float> wide;
      wide.reserve(values.size());
      for (const Value& value : values) wide.push_back(static_cast<float>(value));
      return wide;
    }
  }

  /// Runs a pass at θ; `name` identifies its operations.
  template <class Pass>
  void run(Call& call, std::string_view name, const Theta& theta, Pass&& pass) {
    run_keyed(call, std::hash<std::string_view>()(name), theta, pass);
  }
  /// Runs a pass at probes.
  template <class Probed, class Pass>
    requires requires(const Probed& p) { p.key(); }
  void run(Call& call, Probed& weights, const Theta& theta, Pass&& pass) {
    weights.prepare(call);
    state_->rank = weights.rank();
    run_keyed(call, weights.key(), theta, pass);
    state_->rank = 0;
  }

 protected:
  /// Memory and graphs.
  struct State {
    ///@{
    /// The GPU, matrix products, graphs, memory of perturbed weights; rank and layout of the current pass;
    /// workspaces; keys of passes that have run once.
    State(tensor::cuda::Context& c, CudaBackendOptions o) : context(c), options(o), blas(c) {}
    tensor::cuda::Context& context;
    CudaBackendOptions options;
    tensor::cuda::Blas blas;
    tensor::cuda::GraphCache graphs;
    ProbeScratch<T> probes;
    std::uint32_t rank = 0;          // of the low-rank probes of the current pass
    const Layout* layout = nullptr;  // of its θ
    FloatBuffer t, dt, sums, steps;
    Buffer prefixes, dropped;  // prefixes in T; masked inputs or gradients
    std::uint64_t generation = 0;
    std::vector<std::vector<std::uint64_t>> seen;  // keys that have run once
    ///@}
  };

  ///@{
  /// The call's probes, and `rows` rows of all probes, as kernels read them.
  static std::uint32_t probes(const Call& call) { return static_cast<std::uint32_t>(call.probes()); }
  static tensor::cuda::Rows rows_of(const Call& call, std::size_t rows) {
    return {static_cast<std::uint32_t>(rows / call.probes()), probes(call)};
  }

  ///@}

  /// Enlarges a buffer to n entries if it is smaller. New memory is 0: rows of padding that no kernel writes
  /// are then read as finite numbers.
  template <class Memory>
  void grow(Memory& memory, std::size_t n) {
    if (memory.size() >= n) return;
    memory = Memory();
    memory = Memory(context(), n);
    tensor::cuda::check(cudaMemsetAsync(memory.data(), 0, n * sizeof(*memory.data()), context().stream()),
                        "clearing");
    ++state_->generation;
  }

  /// Runs, records or replays a pass; `kind` distinguishes passes of equal shapes.
  template <class Pass>
  void run_keyed(Call& call, std::uint64_t kind, const Theta& theta, Pass&& pass) {
    state_->layout = &theta.layout();
    const CallShape& s = call.shape();
    const auto key = [&] {
      return std::vector<std::uint64_t>{kind,
                                        reinterpret_cast<std::uintptr_t>(theta.data()),
                                        state_->generation,
                                        state_->probes.generation,
                                        call.generation(),
                                        s.tokens,
                                        s.sequences,
                                        s.longest,
                                        s.head_rows,
                                        s.targets,
                                        s.probes,
                                        s.adapters,
                                        s.prefixes,
                                        s.prompts,
                                        s.keys,
                                        reinterpret_cast<std::uintptr_t>(call.cache_address()),
                                        (call.adapted() ? 1U : 0U) + (call.drops() ? 2U : 0U)};
    };
    if (tensor::cuda::Graph* graph = state_->graphs.find(key())) return graph->launch(context());
    const std::vector<std::uint64_t> before = key();
    const auto seen = std::ranges::find(state_->seen, before);
    if (seen == state_->seen.end()) {
      // The first pass of a shape runs directly: it allocates buffers and times matrix products.
      pass();
      if (state_->seen.size() >= 64) state_->seen.erase(state_->seen.begin());
      state_->seen.push_back(key());
      return;
    }
    state_->seen.erase(seen);
    state_->graphs.insert(before, tensor::cuda::Graph::capture(context(), pass)).launch(context());
  }

  std::unique_ptr<State> state_;  ///< behind a pointer, so that the backend can be moved
};

}  // namespace zofo::model
