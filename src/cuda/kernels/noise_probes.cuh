/// @file Probed copies of weights: θ read once, directions made in registers.
#pragma once

#include "cuda/kernels/noise_eight.cuh"

namespace zofo::tensor::cuda {

namespace detail {

/// The probes of a call: held in registers where their number is known to the compiler, so that a thread
/// reads them and prepares their streams once.
template <std::uint32_t known>
class Probes {
 public:
  __device__ Probes(const ProbeArgument* probes, std::uint32_t) {
#pragma unroll
    for (std::uint32_t j = 0; j < known; ++j) probe_[j] = probes[j];
  }
  __device__ constexpr std::uint32_t count() const { return known; }
  __device__ const ProbeArgument& operator[](std::uint32_t j) const { return probe_[j]; }

 private:
  ProbeArgument probe_[known];
};

template <>
class Probes<0> {
 public:
  __device__ Probes(const ProbeArgument* probes, std::uint32_t count) : probes_(probes), count_(count) {}
  __device__ std::uint32_t count() const { return count_; }
  __device__ const ProbeArgument& operator[](std::uint32_t j) const { return probes_[j]; }

 private:
  const ProbeArgument* probes_;
  std::uint32_t count_;
};

/// `known`: the number of probes, or 0 for any. `own`: each probe has a direction of its own.
template <class T, Distribution distribution, std::uint32_t known, bool own>
__global__ void __launch_bounds__(kNoiseThreads)
    write_probes_kernel(const __grid_constant__ SegmentPlan plan, const ProbeArgument* probe_arguments,
                        std::uint32_t count, const T* x, T* out, std::size_t out_stride) {
  const Share share = share_of(plan);
  const Segment& segment = share.segment;
  const Probes<known> probes(probe_arguments, count);
  Entries<distribution> shared(probes[0], segment.tensor);
  if constexpr (!own) shared.keep_keys();
  const T* const from = origin(x, segment.from, segment);
  T* const to = origin(out, segment.to, segment);
  for (std::uint32_t group = share.group; group < share.end; group += kNoiseThreads) {
    const Eight<T> theta = load(from + std::size_t{group} * kGroup, share, group);
    float z[kGroup];
    if constexpr (!own) shared.eight(group, z);
#pragma unroll(known == 0 ? 1 : known)
    for (std::uint32_t j = 0; j < probes.count(); ++j) {
      if constexpr (own) Entries<distribution>(probes[j], segment.tensor).eight(group, z);
      const float scale = probes[j].scale;
      float probed[kGroup];
#pragma unroll
      for (std::uint32_t i = 0; i < kGroup; ++i)
        probed[i] = moved<distribution>(scale, z[i], value(theta, i));
      store(to + j * out_stride + std::size_t{group} * kGroup, share, group, round_to_nearest<T>(probed));
    }
  }
}

template <class T, Distribution distribution, std::uint32_t known, bool own>
void launch_write_probes(cudaStream_t stream, const SegmentPlan& plan, const ProbeArgument* probes,
                         std::uint32_t count, const T* x, T* out, std::size_t out_stride) {
  write_probes_kernel<T, distribution, known, own>
      <<<plan.blocks(), kNoiseThreads, 0, stream>>>(plan, probes, count, x, out, out_stride);
  launched("write_probes");
}

template <class T, Distribution distribution, bool own>
void write_probes_of(cudaStream_t stream, const SegmentPlan& plan, const ProbeArgument* probes,
                     std::uint32_t count, const T* x, T* out, std::size_t out_stride) {
  if (count == 1)
    return launch_write_probes<T, distribution, 1, false>(stream, plan, probes, count, x, out, out_stride);
  if (count == 2)
    return launch_write_probes<T, distribution, 2, own>(stream, plan, probes, count, x, out, out_stride);
  launch_write_probes<T, distribution, 0, own>(stream, plan, probes, count, x, out, out_stride);
}

template <class T, bool own>
void write_probes_of(cudaStream_t stream, Distribution distribution, const ProbeArgument* probes,
                     std::uint32_t count, const Segments& segments, const T* x, T* out,
                     std::size_t out_stride) {
  const SegmentPlan plan = plan_segments(segments);
  if (plan.blocks() == 0 || count == 0) return;
  switch (distribution) {
    case Distribution::none:
      return write_probes_of<T, Distribution::none, false>(stream, plan, probes, count, x, out, out_stride);
    case Distribution::gaussian:
      return write_probes_of<T, Distribution::gaussian, own>(stream, plan, probes, count, x, out, out_stride);
    case Distribution::rademacher:
      return write_probes_of<T, Distribution::rademacher, own>(stream, plan, probes, count, x, out,
                                                               out_stride);
  }
}

}  // namespace detail

template <class T>
void write_probes(cudaStream_t stream, Distribution distribution, const ProbeArgument* probes,
                  std::uint32_t count, const Segments& segments, const T* x, T* out, std::size_t out_stride) {
  detail::write_probes_of<T, false>(stream, distribution, probes, count, segments, x, out, out_stride);
}

template <class T>
void write_own_probes(cudaStream_t stream, Distribution distribution, const ProbeArgument* probes,
                      std::uint32_t count, const Segments& segments, const T* x, T* out,
                      std::size_t out_stride) {
  detail::write_probes_of<T, true>(stream, distribution, probes, count, segments, x, out, out_stride);
}

}  // namespace zofo::tensor::cuda
