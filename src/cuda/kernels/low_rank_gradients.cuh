/// @file Gradients of adapters' factors: for a few columns of weights s and a wide matrix x, Σ_rows s[row]ᵀ
/// x[row] over the rows of one adapter. Slices of the rows are summed by different blocks, then added in
/// order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cuda/kernels/gradients_float.cuh"
#include "cuda/kernels/gradients_tensor.cuh"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda {

inline std::size_t gradients_workspace(const Rows& rows, const LowRankProjections& projections,
                                       std::uint32_t adapters) {
  return std::max(detail::float_plan(rows, projections, adapters).partial_sums(adapters),
                  detail::tensor_plan(rows, projections, adapters).partial_sums(adapters));
}

template <class T>
void low_rank_gradients(cudaStream_t stream, const LowRankGradients<T>& a) {
  constexpr bool tensor = std::is_same_v<T, bf16>;
  const detail::GradientPlan plan = tensor ? detail::tensor_plan(a.rows, a.projections, a.adapters)
                                           : detail::float_plan(a.rows, a.projections, a.adapters);
  if (a.adapters == 0 || plan.entries == 0) return;
  detail::GradientTargets targets;
  std::copy_n(a.gradient_of_projection, a.projections.count, targets.of_projection);
  const dim3 grid(plan.blocks, plan.slices, a.adapters);
  const detail::GradientSources<T> sources{a.x, a.dy, a.dy_stride, a.t, a.dt};
  if constexpr (tensor)
    detail::tensor_gradients_kernel<T><<<grid, 32 * detail::GradientTile::warps, 0, stream>>>(
        a.rows, a.projections, plan, targets, a.adapter, sources, a.workspace);
  else
    detail::slice_gradients_kernel<T><<<grid, detail::GradientPlan::threads, 0, stream>>>(
        a.rows, a.projections, plan, a.adapter, sources, a.workspace);
  launched("low_rank_gradients");
  if (tensor && plan.slices == 1) return;
  constexpr int threads = 128;
  const auto blocks = static_cast<unsigned>((plan.entries / 4 + threads - 1) / threads);
  detail::add_slices_kernel<threads>
      <<<dim3(blocks, a.adapters), threads, 0, stream>>>(a.projections, plan, targets, a.workspace);
  launched("low_rank_gradients: the slices' sum");
}

}  // namespace zofo::tensor::cuda
