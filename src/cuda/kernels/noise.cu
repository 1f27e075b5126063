/// @file The kernels of noise.hpp, for weights in bf16 and in fp32.
#include <algorithm>

#include "cuda/kernels/noise.cuh"

namespace zofo::tensor::cuda {

void write_factors(cudaStream_t stream, const ProbeArgument* probes, std::uint32_t count,
                   const FactorPieces& pieces, float* out, std::size_t stride) {
  if (count == 0 || pieces.count == 0 || pieces.rank == 0 || pieces.largest == 0) return;
  // Most factors are far smaller than the largest, an embedding's: blocks that find nothing to do cost more
  // than the largest factor's threads going round some more often.
  constexpr std::uint64_t per_block = 4 * detail::kFactorThreads, most = 32;
  const auto across =
      static_cast<std::uint32_t>(std::min((pieces.largest + per_block - 1) / per_block, most));
  detail::write_factors_kernel<<<dim3(across, 2 * pieces.count, count), detail::kFactorThreads, 0, stream>>>(
      probes, pieces.rank, pieces.hold, pieces.pieces, out, stride);
  launched("write_factors");
}

void philox_words(cudaStream_t stream, ProbeArgument probe, std::uint32_t tensor, std::uint64_t offset,
                  std::size_t n, std::uint32_t* out) {
  if (n == 0) return;
  const auto blocks = static_cast<std::uint32_t>((n + detail::kNoiseThreads - 1) / detail::kNoiseThreads);
  detail::philox_words_kernel<<<blocks, detail::kNoiseThreads, 0, stream>>>(probe, tensor, offset, n, out);
  launched("philox_words");
}

void fill(cudaStream_t stream, Distribution distribution, ProbeArgument probe, std::uint32_t tensor,
          std::uint64_t offset, std::size_t n, float* out) {
  Segments segments;
  segments.segment[0] = {tensor, offset, n, 0, 0};
  segments.count = 1;
  const detail::SegmentPlan plan = detail::plan_segments(segments);
  const std::uint32_t blocks = plan.blocks();
  if (blocks == 0) return;
  switch (distribution) {
    case Distribution::none:
      detail::fill_kernel<Distribution::none><<<blocks, detail::kNoiseThreads, 0, stream>>>(plan, probe, out);
      break;
    case Distribution::gaussian:
      detail::fill_kernel<Distribution::gaussian>
          <<<blocks, detail::kNoiseThreads, 0, stream>>>(plan, probe, out);
      break;
    case Distribution::rademacher:
      detail::fill_kernel<Distribution::rademacher>
          <<<blocks, detail::kNoiseThreads, 0, stream>>>(plan, probe, out);
      break;
  }
  launched("fill");
}

template void write_probes(cudaStream_t, Distribution, const ProbeArgument*, std::uint32_t, const Segments&,
                           const bf16*, bf16*, std::size_t);
template void write_probes(cudaStream_t, Distribution, const ProbeArgument*, std::uint32_t, const Segments&,
                           const float*, float*, std::size_t);
template void write_own_probes(cudaStream_t, Distribution, const ProbeArgument*, std::uint32_t,
                               const Segments&, const bf16*, bf16*, std::size_t);
template void write_own_probes(cudaStream_t, Distribution, const ProbeArgument*, std::uint32_t,
                               const Segments&, const float*, float*, std::size_t);
template void update(cudaStream_t, Distribution, const UpdateTerm*, std::uint32_t, const Segments&, bf16*);
template void update(cudaStream_t, Distribution, const UpdateTerm*, std::uint32_t, const Segments&, float*);
template void update_low_rank(cudaStream_t, const UpdateTerm*, std::uint32_t, const LowRankSegments&,
                              const LowRankFactors&, bf16*);
template void write_low_rank_probes(cudaStream_t, const ProbeArgument*, std::uint32_t, const LowRankSegments&,
                                    const LowRankFactors&, const bf16*, bf16*, std::size_t);
template void update_low_rank(cudaStream_t, const UpdateTerm*, std::uint32_t, const LowRankSegments&,
                              const LowRankFactors&, float*);
template void write_low_rank_probes(cudaStream_t, const ProbeArgument*, std::uint32_t, const LowRankSegments&,
                                    const LowRankFactors&, const float*, float*, std::size_t);

}  // namespace zofo::tensor::cuda
