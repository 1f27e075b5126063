/// @file Directions on the GPU: kernels of noise.hpp.
#pragma once

#include "cuda/kernels/noise_factors.cuh"
#include "cuda/kernels/noise_low_rank.cuh"
#include "cuda/kernels/noise_probes.cuh"
#include "cuda/kernels/noise_update.cuh"

namespace zofo::tensor::cuda {

namespace detail {

static __global__ void __launch_bounds__(kNoiseThreads)
    philox_words_kernel(ProbeArgument probe, std::uint32_t tensor, std::uint64_t offset, std::size_t n,
                        std::uint32_t* out) {
  const std::size_t k = std::size_t{blockIdx.x} * kNoiseThreads + threadIdx.x;
  if (k >= n) return;
  const std::uint64_t i = offset + k;
  const uint4 words = philox_block(probe, tensor, static_cast<std::uint32_t>(i / 4));
  const std::uint32_t front = i % 2 == 0 ? words.x : words.y;
  const std::uint32_t back = i % 2 == 0 ? words.z : words.w;
  out[k] = i / 2 % 2 == 0 ? front : back;
}

template <Distribution distribution>
__global__ void __launch_bounds__(kNoiseThreads)
    fill_kernel(const __grid_constant__ SegmentPlan plan, ProbeArgument probe, float* out) {
  const Share share = share_of(plan);
  const Entries<distribution> entries(probe, share.segment.tensor);
  float* const to = origin(out, 0, share.segment);
  for (std::uint32_t group = share.group; group < share.end; group += kNoiseThreads) {
    float z[kGroup] = {};
    entries.eight(group, z);
    store(to + std::size_t{group} * kGroup, share, group, round_to_nearest<float>(z));
  }
}

}  // namespace detail

}  // namespace zofo::tensor::cuda
