/// @file Low-rank directions: their factors, and the outer update by products of factors.
#pragma once

#include <cmath>

#include "zofo/tensor/cuda/kernels/noise_eight.cuh"

namespace zofo::tensor::cuda {

namespace detail {

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
  const PhiloxStream stream(probe, extra_stream_of(left ? kLeftStream : kRightStream, piece.tensor));
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

/// What update_low_rank adds and where: U_k at u + k·stride, V_k at v + k·stride.
struct LowRankSum {
  const UpdateTerm* terms;
  std::uint32_t count, rank, rows, cols, tensor;
  const float* u;
  const float* v;
  std::size_t stride;
  float unit;  ///< 1/√rank
};

inline constexpr std::uint32_t kTileThreads = 128, kTileRows = 8;
inline constexpr std::uint32_t kTileCols = 32 * kGroup, kTileHeight = kTileThreads / 32 * kTileRows;

/// Eight floats of a row of V or of a column of U.
__device__ inline void load_eight(const float* p, float (&x)[kGroup]) {
  const float4 front = __ldg(reinterpret_cast<const float4*>(p));
  const float4 back = __ldg(reinterpret_cast<const float4*>(p) + 1);
  x[0] = front.x, x[1] = front.y, x[2] = front.z, x[3] = front.w;
  x[4] = back.x, x[5] = back.y, x[6] = back.z, x[7] = back.w;
}

/// sum[m][i] += Σ_k scale_k/√rank Σ_l U_k[l, row + m] V_k[l, col + i].
__device__ inline bool sum_products(const LowRankSum& s, std::uint32_t row, std::uint32_t col,
                                    float (&sum)[kTileRows][kGroup]) {
  static_assert(kTileRows == kGroup);
  bool any = false;
  for (std::uint32_t k = 0; k < s.count; ++k) {
    const float scale = __fmul_rn(s.terms[k].scale, s.unit);
    if (scale == 0.0F) continue;
    any = true;
    const float* u = s.u + k * s.stride + row;
    const float* v = s.v + k * s.stride + col;
#pragma unroll 2
    for (std::uint32_t l = 0; l < s.rank; ++l, u += s.rows, v += s.cols) {
      float weight[kTileRows], right[kGroup];
      load_eight(u, weight);
      load_eight(v, right);
#pragma unroll
      for (std::uint32_t m = 0; m < kTileRows; ++m) {
        weight[m] = __fmul_rn(weight[m], scale);
#pragma unroll
        for (std::uint32_t i = 0; i < kGroup; ++i) sum[m][i] = __fmaf_rn(weight[m], right[i], sum[m][i]);
      }
    }
  }
  return any;
}

/// Where everything lies in 16 bytes: a thread has eight rows of eight columns, a warp 8 x 256, so that each
/// factor entry that it loads serves eight sums.
template <class T>
__global__ void __launch_bounds__(kTileThreads, 4) update_low_rank_tiles(const LowRankSum s, T* x) {
  const std::uint32_t across = (s.cols + kTileCols - 1) / kTileCols;
  const std::uint32_t col = blockIdx.x % across * kTileCols + threadIdx.x % 32 * kGroup;
  const std::uint32_t row = blockIdx.x / across * kTileHeight + threadIdx.x / 32 * kTileRows;
  if (col >= s.cols || row >= s.rows) return;
  float sum[kTileRows][kGroup];
#pragma unroll
  for (auto& sums : sum)
#pragma unroll
    for (float& entry : sums) entry = -0.0F;
  if (!sum_products(s, row, col, sum)) return;
  const PhiloxStream rounding(s.terms[0], extra_stream_of(kRoundingStream, s.tensor));
#pragma unroll
  for (std::uint32_t m = 0; m < kTileRows; ++m) {
    const std::uint64_t at = std::uint64_t{row + m} * s.cols + col;
    const Eight<T> theta = load_whole(x + at);
#pragma unroll
    for (std::uint32_t i = 0; i < kGroup; ++i) sum[m][i] = __fadd_rn(value(theta, i), sum[m][i]);
    if constexpr (std::is_same_v<T, float>) {
      store_whole(x + at, round_to_nearest<float>(sum[m]));
    } else {
      store_whole(x + at, round_stochastically<bf16>(
                              sum[m], rounding.block(static_cast<std::uint32_t>(at / kGroup))));
    }
  }
}

/// x rounded as `update` rounds coordinate i.
__device__ inline bf16 round_one(float x, const PhiloxStream& rounding, std::uint64_t i) {
  const auto within = static_cast<std::uint32_t>(i % kGroup);
  const uint4 words = rounding.block(static_cast<std::uint32_t>(i / kGroup));
  const std::uint32_t random = word_of(words, within / 2) >> (within % 2 * 16) & 0xFFFFU;
  return __ushort_as_bfloat16(static_cast<unsigned short>(carry_stochastically(x, random) >> 16U));
}

/// Any shape and place: an entry a thread, with the sums of the tiles' kernel to the bit.
template <class T>
__global__ void __launch_bounds__(kTileThreads) update_low_rank_entries(const LowRankSum s, T* x) {
  const std::uint64_t at = std::uint64_t{blockIdx.x} * kTileThreads + threadIdx.x;
  if (at >= std::uint64_t{s.rows} * s.cols) return;
  const auto row = static_cast<std::uint32_t>(at / s.cols), col = static_cast<std::uint32_t>(at % s.cols);
  float sum = -0.0F;
  bool any = false;
  for (std::uint32_t k = 0; k < s.count; ++k) {
    const float scale = __fmul_rn(s.terms[k].scale, s.unit);
    if (scale == 0.0F) continue;
    any = true;
    const float* u = s.u + k * s.stride + row;
    const float* v = s.v + k * s.stride + col;
    for (std::uint32_t l = 0; l < s.rank; ++l, u += s.rows, v += s.cols)
      sum = __fmaf_rn(__fmul_rn(*u, scale), *v, sum);
  }
  if (!any) return;
  if constexpr (std::is_same_v<T, float>) {
    x[at] = __fadd_rn(x[at], sum);
  } else {
    const PhiloxStream rounding(s.terms[0], extra_stream_of(kRoundingStream, s.tensor));
    x[at] = round_one(__fadd_rn(__bfloat162float(x[at]), sum), rounding, at);
  }
}

/// Whether update_low_rank_tiles can take the matrix.
template <class T>
bool lies_in_tiles(const LowRankSum& s, const T* x) {
  const auto whole = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; };
  return s.rows % kTileRows == 0 && s.cols % kGroup == 0 && s.stride % 4 == 0 && whole(s.u) && whole(s.v) &&
         whole(x);
}

}  // namespace detail

template <class T>
void update_low_rank(cudaStream_t stream, const UpdateTerm* terms, std::uint32_t count, std::uint32_t rank,
                     const FactorPiece& piece, const float* factors, std::size_t factors_stride,
                     std::uint64_t from, T* x) {
  const std::uint64_t size = std::uint64_t{piece.rows} * piece.cols;
  if (count == 0 || rank == 0 || size == 0) return;
  const detail::LowRankSum sum{terms,
                               count,
                               rank,
                               piece.rows,
                               piece.cols,
                               piece.tensor,
                               factors + piece.u_at,
                               factors + piece.v_at,
                               factors_stride,
                               static_cast<float>(1.0 / std::sqrt(static_cast<double>(rank)))};
  if (detail::lies_in_tiles(sum, x + from)) {
    const std::uint32_t across = (piece.cols + detail::kTileCols - 1) / detail::kTileCols;
    const std::uint32_t down = (piece.rows + detail::kTileHeight - 1) / detail::kTileHeight;
    detail::update_low_rank_tiles<<<across * down, detail::kTileThreads, 0, stream>>>(sum, x + from);
  } else {
    const auto blocks = static_cast<std::uint32_t>((size + detail::kTileThreads - 1) / detail::kTileThreads);
    detail::update_low_rank_entries<<<blocks, detail::kTileThreads, 0, stream>>>(sum, x + from);
  }
  launched("update_low_rank");
}

}  // namespace zofo::tensor::cuda
