/// @file Launchers of attention.hpp: which kernel takes which scalar and head dim.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "cuda/kernels/attention_backward.cuh"
#include "cuda/kernels/attention_forward.cuh"
#include "cuda/kernels/attention_general.cuh"
#include "cuda/kernels/attention_prefix.cuh"
#include "zofo/core/error_type.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// The window as kernels take it: none is one longer than any sequence.
inline int window_of(const AttentionShape& shape) {
  constexpr std::uint32_t none = 1U << 30U;
  return static_cast<int>(shape.window == 0 ? none : std::min(shape.window, none));
}

/// What multiplies scores.
inline float score_scale(const AttentionShape& shape) {
  return shape.scale > 0.0F ? shape.scale : 1.0F / std::sqrt(static_cast<float>(shape.dim));
}

template <class T>
AttentionProblem<T> attention_problem(const AttentionShape& shape, const Rows& rows,
                                      const PackedTokens& packed, const AttentionPrefix<T>& prefix,
                                      const T* qkv) {
  if (shape.dim == 0 || shape.dim % 8 != 0 || shape.dim > general_most_dim)
    throw Error("attention on the GPU: head dim " + std::to_string(shape.dim) +
                " is not a multiple of 8 up to 256");
  if (shape.kv_heads == 0 || shape.heads % shape.kv_heads != 0)
    throw Error("attention on the GPU: " + std::to_string(shape.heads) + " heads do not share " +
                std::to_string(shape.kv_heads) + " heads of keys");
  return {shape,  rows, packed.cu_seqlens,  packed.adapter,   packed.sequences,
          prefix, qkv,  score_scale(shape), window_of(shape), shape.cap};
}

/// Rows of the grid even where every sequence is empty: padding needs blocks, too.
inline std::uint32_t longest_of(const PackedTokens& packed) { return std::max(packed.longest, 1U); }

template <class T>
void run_attention(cudaStream_t stream, const AttentionShape& shape, const Rows& rows,
                   const PackedTokens& packed, const AttentionPrefix<T>& prefix, const T* qkv, T* out,
                   float* lse) {
  if (rows.count() == 0) return;
  const AttentionProblem<T> problem = attention_problem(shape, rows, packed, prefix, qkv);
  const std::uint32_t longest = longest_of(packed);
  if constexpr (std::is_same_v<T, bf16>) {
    if (shape.cap > 0.0F) return launch_general_forward(stream, problem, longest, out, lse);
    if (shape.dim == 64) return launch_forward<64>(stream, problem, longest, out, lse);
    if (shape.dim == 80) return launch_forward<80>(stream, problem, longest, out, lse);
    if (shape.dim == 128) return launch_forward<128>(stream, problem, longest, out, lse);
  }
  launch_general_forward(stream, problem, longest, out, lse);
}

/// D comes first in the workspace; the prefix's partial sums follow on 16 bytes.
inline std::size_t delta_floats(const AttentionShape& shape, const Rows& rows) {
  return (rows.count() * shape.heads + 3) / 4 * 4;
}

template <class T>
void launch_backward_kernels(cudaStream_t stream, const AttentionProblem<T>& problem, std::uint32_t longest,
                             const GeneralBackward<T>& arrays) {
  if constexpr (std::is_same_v<T, bf16>) {
    if (problem.cap > 0.0F) return launch_general_backward(stream, problem, longest, arrays);
    const BackwardArrays same{arrays.out,   arrays.lse,    arrays.d_out,
                              arrays.d_qkv, arrays.deltas, arrays.partials};
    const std::uint32_t dim = problem.shape.dim;
    if (dim == 64) return launch_backward<64>(stream, problem, longest, same);
    if (dim == 80) return launch_backward<80>(stream, problem, longest, same);
    if (dim == 128) return launch_backward<128>(stream, problem, longest, same);
  }
  launch_general_backward(stream, problem, longest, arrays);
}

template <class T>
void run_attention_backward(cudaStream_t stream, const AttentionBackward<T>& a) {
  if (a.rows.count() == 0) return;
  const AttentionProblem<T> problem = attention_problem(a.shape, a.rows, a.packed, a.prefix, a.qkv);
  const bool sums = a.prefix.length > 0 && a.packed.sequences > 0 && a.d_prefix.keys != nullptr;
  const PrefixPartials partials{sums ? a.workspace + delta_floats(a.shape, a.rows) : nullptr};
  launch_backward_kernels(stream, problem, longest_of(a.packed),
                          GeneralBackward<T>{a.out, a.lse, a.d_out, a.d_qkv, a.workspace, partials});
  if (sums) sum_prefix_gradients(stream, problem, partials, a.d_prefix);
}

}  // namespace detail

}  // namespace zofo::tensor::cuda
