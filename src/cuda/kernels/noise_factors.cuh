/// @file The factors of low-rank directions.
#pragma once

#include "cuda/kernels/noise_eight.cuh"

namespace zofo::tensor::cuda::detail {

inline constexpr std::uint32_t kFactorThreads = 128;

/// Block (·, 2 p + side, j) writes the left (side 0) or right factor of piece p of probe j.
static __global__ void __launch_bounds__(kFactorThreads)
    write_factors_kernel(const ProbeArgument* probes, std::uint32_t rank, std::uint32_t hold,
                         const FactorPiece* pieces, float* out, std::size_t stride) {
  const FactorPiece piece = pieces[blockIdx.y / 2];
  const bool left = blockIdx.y % 2 == 0;
  const std::uint64_t size = std::uint64_t{rank} * (left ? piece.rows : piece.cols);
  std::uint64_t block = std::uint64_t{blockIdx.x} * kFactorThreads + threadIdx.x;
  if (4 * block >= size) return;
  ProbeArgument probe = probes[blockIdx.z];
  if (!left) probe.step = hold == 0 ? 0 : probe.step / hold;
  const PhiloxStream stream(probe,
                            extra_stream_of(left ? ExtraStream::left : ExtraStream::right, piece.tensor));
  float* const to = out + blockIdx.z * stride + (left ? piece.u_at : piece.v_at);
  for (; 4 * block < size; block += std::uint64_t{gridDim.x} * kFactorThreads) {
    const float4 z = normals_of(stream.block(static_cast<std::uint32_t>(block)));
    float* const at = to + 4 * block;
    if (4 * block + 4 <= size && aligned<16>(at)) {
      store_at_once(at, make_uint4(__float_as_uint(z.x), __float_as_uint(z.y), __float_as_uint(z.z),
                                   __float_as_uint(z.w)));
      continue;
    }
    const float four[4] = {z.x, z.y, z.z, z.w};
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i)
      if (4 * block + i < size) at[i] = four[i];
  }
}

}  // namespace zofo::tensor::cuda::detail
