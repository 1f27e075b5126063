/// @file The outer update: directions regenerated in registers and added to the weights in place.
#pragma once

#include "cuda/kernels/noise_eight.cuh"

namespace zofo::tensor::cuda {

namespace detail {

/// Σ_k scale_k z_k of a group; false if every scale is 0, when z is not made. The sum begins at −0,
/// since −0 + x equals x, also for a zero x of either sign.
template <Distribution distribution>
__device__ bool sum_terms(const UpdateTerm* terms, std::uint32_t count, std::uint32_t tensor,
                          std::uint32_t group, float (&sum)[kGroup]) {
  bool any = false;
#pragma unroll
  for (float& s : sum) s = -0.0F;
  for (std::uint32_t k = 0; k < count; ++k) {
    const UpdateTerm term = terms[k];
    if (term.scale == 0.0F) continue;
    any = true;
    float z[kGroup];
    Entries<distribution>(term, tensor).eight(group, z);
#pragma unroll
    for (std::uint32_t i = 0; i < kGroup; ++i) sum[i] = __fmaf_rn(term.scale, z[i], sum[i]);
  }
  return any;
}

/// fp32: term after term, as the CPU adds directions.
template <Distribution distribution>
__global__ void __launch_bounds__(kNoiseThreads)
    update_kernel(const __grid_constant__ SegmentPlan plan, const UpdateTerm* terms, std::uint32_t count,
                  float* x) {
  const Share share = share_of(plan);
  const Segment& segment = share.segment;
  float* const from = origin(x, segment.from, segment);
  for (std::uint32_t group = share.group; group < share.end; group += kNoiseThreads) {
    float* const at = from + std::size_t{group} * kGroup;
    const Eight<float> theta = load(at, share, group);
    float moved[kGroup];
#pragma unroll
    for (std::uint32_t i = 0; i < kGroup; ++i) moved[i] = value(theta, i);
    for (std::uint32_t k = 0; k < count; ++k) {
      const UpdateTerm term = terms[k];
      float z[kGroup];
      Entries<distribution>(term, segment.tensor).eight(group, z);
#pragma unroll
      for (std::uint32_t i = 0; i < kGroup; ++i) moved[i] = __fmaf_rn(term.scale, z[i], moved[i]);
    }
    store(at, share, group, round_to_nearest<float>(moved));
  }
}

/// bf16: the terms' sum, small relative to x, is computed before it is added to x, then rounded
/// stochastically.
template <Distribution distribution>
__global__ void __launch_bounds__(kNoiseThreads)
    update_rounded_kernel(const __grid_constant__ SegmentPlan plan, const UpdateTerm* terms,
                          std::uint32_t count, bf16* x) {
  const Share share = share_of(plan);
  const Segment& segment = share.segment;
  PhiloxStream rounding(terms[0], extra_stream_of(ExtraStream::rounding, segment.tensor));
  rounding.keep_keys();
  bf16* const from = origin(x, segment.from, segment);
  for (std::uint32_t group = share.group; group < share.end; group += kNoiseThreads) {
    bf16* const at = from + std::size_t{group} * kGroup;
    const Eight<bf16> theta = load(at, share, group);
    float sum[kGroup];
    if (!sum_terms<distribution>(terms, count, segment.tensor, group, sum)) continue;
#pragma unroll
    for (std::uint32_t i = 0; i < kGroup; ++i) sum[i] = __fadd_rn(value(theta, i), sum[i]);
    store(at, share, group, round_stochastically<bf16>(sum, rounding.block(group)));
  }
}

/// The same for one Gaussian term, which is the commonest and bound by arithmetic: the stream is prepared
/// once a thread, and the bits that round are made of the term's own blocks.
static __global__ void __launch_bounds__(kNoiseThreads)
    update_along_one_kernel(const __grid_constant__ SegmentPlan plan, const UpdateTerm* term, bf16* x) {
  const Share share = share_of(plan);
  const Segment& segment = share.segment;
  const UpdateTerm only = *term;
  if (only.scale == 0.0F) return;
  Entries<Distribution::gaussian> entries(only, segment.tensor);
  entries.keep_keys();
  bf16* const from = origin(x, segment.from, segment);
  for (std::uint32_t group = share.group; group < share.end; group += kNoiseThreads) {
    bf16* const at = from + std::size_t{group} * kGroup;
    const Eight<bf16> theta = load(at, share, group);
    float sum[kGroup];
    const uint4 random = entries.eight_and_rounding(group, sum);
#pragma unroll
    for (std::uint32_t i = 0; i < kGroup; ++i)
      sum[i] = __fadd_rn(value(theta, i), __fmul_rn(only.scale, sum[i]));
    store(at, share, group, round_stochastically<bf16>(sum, random));
  }
}

template <Distribution distribution>
void launch_update(cudaStream_t stream, const SegmentPlan& plan, const UpdateTerm* terms, std::uint32_t count,
                   bf16* x) {
  const std::uint32_t blocks = plan.blocks();
  if (count == 1 && distribution == Distribution::gaussian)
    update_along_one_kernel<<<blocks, kNoiseThreads, 0, stream>>>(plan, terms, x);
  else
    update_rounded_kernel<distribution><<<blocks, kNoiseThreads, 0, stream>>>(plan, terms, count, x);
  launched("update");
}

template <Distribution distribution>
void launch_update(cudaStream_t stream, const SegmentPlan& plan, const UpdateTerm* terms, std::uint32_t count,
                   float* x) {
  update_kernel<distribution><<<plan.blocks(), kNoiseThreads, 0, stream>>>(plan, terms, count, x);
  launched("update");
}

}  // namespace detail

template <class T>
void update(cudaStream_t stream, Distribution distribution, const UpdateTerm* terms, std::uint32_t count,
            const Segments& segments, T* x) {
  const detail::SegmentPlan plan = detail::plan_segments(segments);
  if (plan.blocks() == 0 || count == 0 || distribution == Distribution::none) return;
  if (distribution == Distribution::gaussian)
    return detail::launch_update<Distribution::gaussian>(stream, plan, terms, count, x);
  detail::launch_update<Distribution::rademacher>(stream, plan, terms, count, x);
}

}  // namespace zofo::tensor::cuda
