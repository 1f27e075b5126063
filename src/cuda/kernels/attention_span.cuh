/// @file Where a block of an attention kernel finds its sequence, its keys and the rows of padding.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/cuda/kernels/attention.hpp"

namespace zofo::tensor::cuda::detail {

/// What forward and backward read, as kernels take it.
template <class T>
struct AttentionProblem {
  AttentionShape shape;
  Rows rows;
  const std::uint32_t* cu_seqlens;
  const std::int32_t* adapter;
  std::uint32_t sequences;
  AttentionPrefix<T> prefix;
  const T* qkv;
  float scale;  ///< multiplies scores
  int window;   ///< keys that a query sees
  float cap;    ///< of scaled scores; 0: none

  [[nodiscard]] __host__ __device__ std::size_t qkv_width() const {
    return std::size_t{shape.heads + 2 * shape.kv_heads} * shape.dim;
  }
  [[nodiscard]] __host__ __device__ std::size_t out_width() const {
    return std::size_t{shape.heads} * shape.dim;
  }
  [[nodiscard]] __host__ __device__ std::size_t kv_width() const {
    return std::size_t{shape.kv_heads} * shape.dim;
  }
  [[nodiscard]] __host__ __device__ std::uint32_t group() const { return shape.heads / shape.kv_heads; }
  [[nodiscard]] __host__ __device__ std::size_t key_column(std::uint32_t kv_head) const {
    return std::size_t{shape.heads + kv_head} * shape.dim;
  }
  [[nodiscard]] __host__ __device__ std::size_t value_column(std::uint32_t kv_head) const {
    return std::size_t{shape.heads + shape.kv_heads + kv_head} * shape.dim;
  }
};

/// Grids count, for every probe, the sequences and one more: the padding.
inline std::uint32_t spans(const Rows& rows, std::uint32_t sequences) {
  return rows.probes * (sequences + 1);
}

/// One sequence at one probe, or the padding of a probe. Keys are numbered with the prefix first: query i
/// sees keys 0 … prefix + i, or the last `window` of them.
struct AttentionSpan {
  std::size_t row;  ///< first row of qkv
  int length;
  int prefix;             ///< keys before the sequence's own
  std::size_t prefix_at;  ///< where the adapter's prefix starts
  std::size_t partial;    ///< index among probes × sequences
  bool padding;
  [[nodiscard]] __device__ int keys() const { return prefix + length; }
};

/// First key that query `i` of the span sees.
template <class T>
__device__ inline int first_key(const AttentionProblem<T>& problem, const AttentionSpan& span, int i) {
  return max(0, span.prefix + i + 1 - problem.window);
}

/// One past the last query of the span that sees key `key`.
template <class T>
__device__ inline int end_query(const AttentionProblem<T>& problem, const AttentionSpan& span, int key) {
  const int own = key - span.prefix;
  return problem.window < span.length - own ? max(0, own + problem.window) : span.length;
}

/// Span number `index` of spans().
template <class T>
__device__ inline AttentionSpan span_of(const AttentionProblem<T>& problem, std::uint32_t index) {
  const std::uint32_t probe = index / (problem.sequences + 1);
  const std::uint32_t sequence = index - probe * (problem.sequences + 1);
  const bool padding = sequence == problem.sequences;
  const std::uint32_t first = problem.cu_seqlens[sequence];
  const std::uint32_t end = padding ? problem.rows.tokens : problem.cu_seqlens[sequence + 1];
  AttentionSpan span{std::size_t{probe} * problem.rows.tokens + first,
                     static_cast<int>(end - first),
                     0,
                     0,
                     std::size_t{probe} * problem.sequences + sequence,
                     padding};
  // An empty sequence may start past the last token, where there is no adapter to read.
  if (problem.prefix.length > 0 && !padding && end > first) {
    const std::int32_t adapter = problem.adapter[first];
    if (adapter >= 0) {
      span.prefix = static_cast<int>(problem.prefix.length);
      span.prefix_at = static_cast<std::size_t>(adapter) * problem.prefix.stride;
    }
  }
  return span;
}

/// Keys (or values) of one head of one sequence, those of the prefix first.
template <class T>
struct KeyRows {
  const T* prefix;
  const T* own;
  std::size_t prefix_stride, own_stride;
  int prefix_count, count;

  [[nodiscard]] __device__ const T* at(int key) const {
    return key < prefix_count ? prefix + static_cast<std::size_t>(key) * prefix_stride
                              : own + static_cast<std::size_t>(key - prefix_count) * own_stride;
  }
};

template <class T>
__device__ inline KeyRows<T> key_rows(const AttentionProblem<T>& problem, const AttentionSpan& span,
                                      std::uint32_t kv_head) {
  const std::size_t at = span.prefix_at + std::size_t{kv_head} * problem.shape.dim;
  return {problem.prefix.keys + at,
          problem.qkv + span.row * problem.qkv_width() + problem.key_column(kv_head),
          problem.kv_width(),
          problem.qkv_width(),
          span.prefix,
          span.keys()};
}

template <class T>
__device__ inline KeyRows<T> value_rows(const AttentionProblem<T>& problem, const AttentionSpan& span,
                                        std::uint32_t kv_head) {
  const std::size_t at = span.prefix_at + std::size_t{kv_head} * problem.shape.dim;
  return {problem.prefix.values + at,
          problem.qkv + span.row * problem.qkv_width() + problem.value_column(kv_head),
          problem.kv_width(),
          problem.qkv_width(),
          span.prefix,
          span.keys()};
}

/// Gradients of prefixes before their sum over sequences: [span.partial][keys, values][length, kv_width].
struct PrefixPartials {
  float* data;  ///< null: not requested
  [[nodiscard]] __device__ float* keys(std::size_t size, std::size_t partial) const {
    return data + 2 * partial * size;
  }
  [[nodiscard]] __device__ float* values(std::size_t size, std::size_t partial) const {
    return data + (2 * partial + 1) * size;
  }
};

/// Sets the rows of a padding span to 0; all blocks of the span share the work.
template <class T>
__device__ inline void clear_padding(const AttentionSpan& span, std::size_t width, T* rows) {
  const int blocks = static_cast<int>(gridDim.x * gridDim.y);
  const auto pieces = static_cast<unsigned>(width * sizeof(T) / 16);
  for (int r = static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x); r < span.length; r += blocks) {
    uint4* to = reinterpret_cast<uint4*>(rows + (span.row + static_cast<std::size_t>(r)) * width);
    for (unsigned i = threadIdx.x; i < pieces; i += blockDim.x) to[i] = uint4{0, 0, 0, 0};
  }
}

}  // namespace zofo::tensor::cuda::detail
