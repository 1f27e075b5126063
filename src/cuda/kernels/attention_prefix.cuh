/// @file The sum of prefix gradients over the sequences and probes that share an adapter.
#pragma once

#include "cuda/kernels/attention_span.cuh"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda::detail {

/// The adapter of a sequence, −1 for none or an empty one.
template <class T>
__device__ inline std::int32_t adapter_of(const AttentionProblem<T>& problem, std::uint32_t sequence) {
  const std::uint32_t first = problem.cu_seqlens[sequence];
  return problem.cu_seqlens[sequence + 1] > first ? problem.adapter[first] : -1;
}

/// gradient += the partial sums of all sequences of an adapter, in their order, probe after probe. The blocks
/// of the adapter's first sequence do it. Grid: pieces of a prefix, sequences.
template <class T>
__global__ void attention_prefix_kernel(AttentionProblem<T> problem, PrefixPartials partials,
                                        PrefixGradient gradient) {
  const std::uint32_t sequence = blockIdx.y;
  const std::int32_t adapter = adapter_of(problem, sequence);
  if (adapter < 0) return;
  bool earlier = false;
  for (std::uint32_t s = threadIdx.x; s < sequence; s += blockDim.x)
    earlier = earlier || adapter_of(problem, s) == adapter;
  if (__syncthreads_or(earlier ? 1 : 0) != 0) return;

  const std::size_t size = std::size_t{problem.prefix.length} * problem.kv_width();
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size) return;
  float keys = 0.0F, values = 0.0F;
  for (std::uint32_t probe = 0; probe < problem.rows.probes; ++probe)
    for (std::uint32_t s = sequence; s < problem.sequences; ++s) {
      if (adapter_of(problem, s) != adapter) continue;
      const std::size_t partial = std::size_t{probe} * problem.sequences + s;
      keys += partials.keys(size, partial)[i];
      values += partials.values(size, partial)[i];
    }
  const std::size_t at = static_cast<std::size_t>(adapter) * problem.prefix.stride + i;
  gradient.keys[at] += keys;
  gradient.values[at] += values;
}

template <class T>
void sum_prefix_gradients(cudaStream_t stream, const AttentionProblem<T>& problem,
                          const PrefixPartials& partials, const PrefixGradient& gradient) {
  constexpr unsigned threads = 128;
  const std::size_t size = std::size_t{problem.prefix.length} * problem.kv_width();
  const dim3 grid(static_cast<unsigned>((size + threads - 1) / threads), problem.sequences);
  attention_prefix_kernel<T><<<grid, threads, 0, stream>>>(problem, partials, gradient);
  launched("attention_backward (prefix)");
}

}  // namespace zofo::tensor::cuda::detail
