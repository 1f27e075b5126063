/// @file Work recorded once and replayed with one launch.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"

namespace zofo::tensor::cuda {

namespace detail {
struct GraphEnd {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};
// CUDA destroys a running graph after it has finished.
struct GraphExecEnd {
  void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
};
using Recording = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, GraphEnd>;

/// Kernels among the nodes of a recording.
inline std::size_t kernels_in(cudaGraph_t graph) {
  std::size_t count = 0;
  check(cudaGraphGetNodes(graph, nullptr, &count), "reading a graph");
  std::vector<cudaGraphNode_t> nodes(count);
  if (count > 0) check(cudaGraphGetNodes(graph, nodes.data(), &count), "reading a graph");
  return static_cast<std::size_t>(std::ranges::count_if(nodes, [](cudaGraphNode_t node) {
    cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
    check(cudaGraphNodeGetType(node, &type), "reading a graph");
    return type == cudaGraphNodeTypeKernel;
  }));
}

/// Ends a capture that failed, so that the streams take work again; what was recorded is dropped.
inline void drop_capture(Context& context, bool forked_inside) noexcept {
  if (forked_inside) {
    try {
      context.join();  // the side stream leaves a capture only through the main one
    } catch (const Error&) {
      cudaGetLastError();  // the capture is invalid already, and then ends for both
    }
  }
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(context.stream(), &graph);
  if (graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
}

template <class F>
Recording record(Context& context, F& f) {
  const bool forked_outside = context.is_forked();
  check(cudaStreamBeginCapture(context.stream(), cudaStreamCaptureModeThreadLocal), "starting a capture");
  try {
    f();
    require(context.is_forked() == forked_outside, "graph: the captured work must join what it forked");
  } catch (...) {
    drop_capture(context, context.is_forked() && !forked_outside);
    throw;
  }
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(context.stream(), &graph), "ending a capture");
  return Recording(graph);
}
}  // namespace detail

/// Work of the main stream and of its forks, recorded so that one launch runs all of it. Pointers and sizes
/// are those of the capture; data that varies is read from device memory. Move-only.
class Graph {
 public:
  /// Records the work that f() queues without running it. f may fork and must then join; it may not allocate,
  /// free or wait. If f throws, the capture is discarded, the streams stay usable and the exception is
  /// rethrown.
  template <class F>
  static Graph capture(Context& context, F&& f) {
    const detail::Recording recording = detail::record(context, f);
    Graph graph;
    graph.kernels_ = detail::kernels_in(recording.get());
    cudaGraphExec_t executable = nullptr;
    check(cudaGraphInstantiate(&executable, recording.get(), 0), "instantiating a graph");
    graph.executable_.reset(executable);
    check(cudaGraphUpload(executable, context.stream()), "loading a graph");
    context.counters().kernels_captured += graph.kernels_;
    return graph;
  }

  /// Queues the work on the main stream.
  void launch(Context& context) const {
    check(cudaGraphLaunch(executable_.get(), context.stream()), "launching a graph");
    ++context.counters().graph_launches;
  }

  /// Kernels in the graph.
  [[nodiscard]] std::size_t kernels() const { return kernels_; }

 private:
  Graph() = default;
  std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, detail::GraphExecEnd> executable_;
  std::size_t kernels_ = 0;
};

/// A least-recently-used cache of graphs.
class GraphCache {
 public:
  using Key = std::vector<std::uint64_t>;  ///< all that a graph depends on

  /// A cache of up to `capacity` graphs, at least one.
  explicit GraphCache(std::size_t capacity = 64) : capacity_(std::max<std::size_t>(capacity, 1)) {}

  /// The graph of this key, or null. Valid until an insertion evicts it.
  [[nodiscard]] Graph* find(const Key& key) {
    const auto entry = std::ranges::find(entries_, key, &Entry::first);
    if (entry == entries_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, entry);
    return &entry->second;
  }

  /// Inserts a graph; replaces one with the same key, and evicts the least recently used one of a full cache.
  Graph& insert(const Key& key, Graph graph) {
    if (Graph* const old = find(key)) return *old = std::move(graph);
    if (entries_.size() >= capacity_) entries_.pop_back();
    return entries_.emplace_front(key, std::move(graph)).second;
  }

  /// Number of graphs.
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  using Entry = std::pair<Key, Graph>;
  std::size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
};

}  // namespace zofo::tensor::cuda
