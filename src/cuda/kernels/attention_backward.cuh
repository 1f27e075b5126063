/// @file Attention backward on the tensor cores. Probabilities are recomputed from lse; with P the
/// probabilities, dP = dO Vᵀ and D = rowsum(dO ∘ O): dS = P ∘ (dP − D), dQ = dS K/√dim, dK = dSᵀQ/√dim, dV =
/// Pᵀ dO. One kernel has a block for 64 queries (dQ and D), one a block for 64 keys and all queries of the
/// group that see them (dK, dV), so that no two blocks add to one place; where a sequence has no more than 64
/// keys the second does all. Source: Dao 2023 (FlashAttention-2, algorithm 2; the split into two kernels is
/// ours).
#pragma once

#include "cuda/kernels/attention_backward_keys.cuh"
#include "cuda/kernels/attention_backward_queries.cuh"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda::detail {

template <int dim, bool whole>
void launch_key_kernel(cudaStream_t stream, const AttentionProblem<bf16>& problem, std::uint32_t most_keys,
                       const BackwardArrays& arrays) {
  constexpr int bytes = KeyMemory<dim, whole>::bytes;
  static_assert(bytes <= 99 * 1024);  // what every GPU since sm_80 has
  allow_shared(attention_key_kernel<dim, whole>, bytes);
  const dim3 grid(problem.shape.kv_heads, (most_keys + tile_rows - 1) / tile_rows,
                  spans(problem.rows, problem.sequences));
  attention_key_kernel<dim, whole><<<grid, attention_threads, bytes, stream>>>(problem, arrays);
  launched("attention_backward (keys)");
}

template <int dim>
void launch_backward(cudaStream_t stream, const AttentionProblem<bf16>& problem, std::uint32_t longest,
                     const BackwardArrays& arrays) {
  const std::uint32_t most_keys = longest + problem.prefix.length;
  if (most_keys <= tile_rows) return launch_key_kernel<dim, true>(stream, problem, most_keys, arrays);
  constexpr int bytes = query_entries<dim> * static_cast<int>(sizeof(bf16));
  static_assert(bytes <= 99 * 1024);
  allow_shared(attention_query_kernel<dim>, bytes);
  const dim3 grid(problem.shape.heads, (longest + tile_rows - 1) / tile_rows,
                  spans(problem.rows, problem.sequences));
  attention_query_kernel<dim><<<grid, attention_threads, bytes, stream>>>(problem, arrays);
  launched("attention_backward (queries)");
  launch_key_kernel<dim, false>(stream, problem, most_keys, arrays);
}

}  // namespace zofo::tensor::cuda::detail
