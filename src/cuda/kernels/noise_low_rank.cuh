/// @file Low-rank directions written out: the products of factors, made in registers, added to weights where
/// they lie or to probed copies of them.
#pragma once

#include <cmath>

#include "cuda/kernels/noise_eight.cuh"

namespace zofo::tensor::cuda {

namespace detail {

// A thread has four rows of eight columns, a warp 4 x 256, so that each factor entry that it loads is used
// for four or eight sums.
inline constexpr std::uint32_t kTileThreads = 128, kTileRows = 4;
inline constexpr std::uint32_t kTileCols = 32 * kGroup, kTileHeight = kTileThreads / 32 * kTileRows;

/// Rows of matrices and which blocks of the grid work on each.
struct LowRankPlan {
  LowRankSegments segments;
  std::uint32_t end[LowRankSegments::most] = {};  ///< blocks of segments 0 … k
  bool whole[LowRankSegments::most] = {};         ///< all that its threads access is aligned to 16 bytes
  [[nodiscard]] std::uint32_t blocks() const { return segments.count == 0 ? 0 : end[segments.count - 1]; }
};

/// What a thread works on: rows `row` … of the segment's own, columns `col` ….
struct Tile {
  const LowRankSegment& segment;
  std::uint32_t row, col;
  bool whole;
  __device__ bool empty() const { return row >= segment.rows || col >= segment.piece.cols; }
  __device__ std::uint32_t rows() const { return min(kTileRows, segment.rows - row); }
  __device__ std::uint32_t cols() const { return min(kGroup, segment.piece.cols - col); }
  /// The first entry of row m: within the segment, and within the matrix.
  __device__ std::uint64_t entry(std::uint32_t m) const {
    return std::uint64_t{row + m} * segment.piece.cols + col;
  }
  __device__ std::uint64_t coordinate(std::uint32_t m) const {
    return std::uint64_t{segment.first_row + row + m} * segment.piece.cols + col;
  }
};

__device__ inline Tile tile_of(const LowRankPlan& plan) {
  std::uint32_t k = 0;
  for (std::uint32_t after = plan.segments.count - 1; k < after;) {
    const std::uint32_t residual = (k + after) / 2;
    if (blockIdx.x < plan.end[residual])
      after = residual;
    else
      k = residual + 1;
  }
  const LowRankSegment& segment = plan.segments.segment[k];
  const std::uint32_t block = blockIdx.x - (k == 0 ? 0 : plan.end[k - 1]);
  const std::uint32_t across = (segment.piece.cols + kTileCols - 1) / kTileCols;
  return {segment, block / across * kTileHeight + threadIdx.x / 32 * kTileRows,
          block % across * kTileCols + threadIdx.x % 32 * kGroup, plan.whole[k]};
}

/// `size` entries of a factor, of which there are `left`; the others are zero.
template <std::uint32_t size>
__device__ void load_factor(const float* p, bool whole, std::uint32_t left, float (&x)[size]) {
  static_assert(size % 4 == 0);
  if (whole) {
#pragma unroll
    for (std::uint32_t i = 0; i < size; i += 4) {
      const float4 four = __ldg(reinterpret_cast<const float4*>(p + i));
      x[i] = four.x, x[i + 1] = four.y, x[i + 2] = four.z, x[i + 3] = four.w;
    }
    return;
  }
#pragma unroll
  for (std::uint32_t i = 0; i < size; ++i) x[i] = i < left ? p[i] : 0.0F;
}

using TileSums = float[kTileRows][kGroup];

/// sum[m][i] += scale Σ_l U[l, row + m] V[l, col + i], with the factors that begin at `factors`.
__device__ inline void add_products(const Tile& t, std::uint32_t rank, const float* factors, float scale,
                                    TileSums& sum) {
  const FactorPiece& piece = t.segment.piece;
  const float* u = factors + piece.u_at + t.segment.first_row + t.row;
  const float* v = factors + piece.v_at + t.col;
#pragma unroll 2
  for (std::uint32_t l = 0; l < rank; ++l, u += piece.rows, v += piece.cols) {
    float weight[kTileRows], right[kGroup];
    load_factor(u, t.whole, t.rows(), weight);
    load_factor(v, t.whole, t.cols(), right);
#pragma unroll
    for (std::uint32_t m = 0; m < kTileRows; ++m) {
      weight[m] = __fmul_rn(weight[m], scale);
#pragma unroll
      for (std::uint32_t i = 0; i < kGroup; ++i) sum[m][i] = __fmaf_rn(weight[m], right[i], sum[m][i]);
    }
  }
}

/// Row m of a tile of x, whose segment begins at x.
template <class T>
__device__ Eight<T> load_row(const T* x, const Tile& t, std::uint32_t m) {
  const T* const at = x + t.entry(m);
  if (t.whole) return load_whole(at);
  Eight<T> row = {};
  if (m >= t.rows()) return row;
#pragma unroll
  for (std::uint32_t i = 0; i < kGroup; ++i) {
    if (i >= t.cols()) continue;
    if constexpr (std::is_same_v<T, float>)
      row.word[i] = __float_as_uint(at[i]);
    else
      row.word[i / 2] |= std::uint32_t{__bfloat16_as_ushort(at[i])} << (i % 2 * 16);
  }
  return row;
}

template <class T>
__device__ void store_row(T* x, const Tile& t, std::uint32_t m, const Eight<T>& row) {
  T* const at = x + t.entry(m);
  if (t.whole) return store_whole(at, row);
  if (m >= t.rows()) return;
#pragma unroll
  for (std::uint32_t i = 0; i < kGroup; ++i) {
    if (i >= t.cols()) continue;
    if constexpr (std::is_same_v<T, float>)
      at[i] = __uint_as_float(row.word[i]);
    else
      at[i] = __ushort_as_bfloat16(static_cast<unsigned short>(row.word[i / 2] >> (i % 2 * 16)));
  }
}

/// The upper halves of x rounded as `update` rounds the eight coordinates from `first` on.
__device__ inline Eight<bf16> rounded_from(const float (&x)[kGroup], const PhiloxStream& rounding,
                                           std::uint64_t first) {
  const auto group = static_cast<std::uint32_t>(first / kGroup);
  if (first % kGroup == 0) return round_stochastically<bf16>(x, rounding.block(group));
  const uint4 front = rounding.block(group), back = rounding.block(group + 1);
  Eight<bf16> out = {};
#pragma unroll
  for (std::uint32_t i = 0; i < kGroup; ++i) {
    const auto within = static_cast<std::uint32_t>(first % kGroup) + i;
    const std::uint32_t word = word_of(within < kGroup ? front : back, within % kGroup / 2);
    const std::uint32_t random = word >> (within % 2 * 16) & 0xFFFFU;
    out.word[i / 2] |= carry_stochastically(x[i], random) >> 16U << (i % 2 * 16);
  }
  return keep_nans(x, out);
}

/// Factors as kernels read them; `unit` is 1/√rank.
struct FactorProducts {
  LowRankFactors factors;
  float unit;
};

/// x += Σ_k scale_k/√rank U_k V_kᵀ.
template <class T>
__global__ void __launch_bounds__(kTileThreads)
    update_low_rank_kernel(const __grid_constant__ LowRankPlan plan, const UpdateTerm* terms,
                           std::uint32_t count, FactorProducts products, T* x) {
  const Tile tile = tile_of(plan);
  if (tile.empty()) return;
  T* const at = x + tile.segment.from;
  Eight<T> theta[kTileRows];  // read first: the sums are made while they are on their way
#pragma unroll
  for (std::uint32_t m = 0; m < kTileRows; ++m) theta[m] = load_row(at, tile, m);
  TileSums sum;
#pragma unroll
  for (auto& sums : sum)
#pragma unroll
    for (float& entry : sums) entry = -0.0F;
  bool any = false;
  for (std::uint32_t k = 0; k < count; ++k) {
    const float scale = __fmul_rn(terms[k].scale, products.unit);
    if (scale == 0.0F) continue;
    any = true;
    add_products(tile, products.factors.rank, products.factors.data + k * products.factors.stride, scale,
                 sum);
  }
  if (!any) return;
  const PhiloxStream rounding(terms[0], extra_stream_of(ExtraStream::rounding, tile.segment.piece.tensor));
#pragma unroll
  for (std::uint32_t m = 0; m < kTileRows; ++m) {
#pragma unroll
    for (std::uint32_t i = 0; i < kGroup; ++i) sum[m][i] = __fadd_rn(value(theta[m], i), sum[m][i]);
    if constexpr (std::is_same_v<T, float>)
      store_row(at, tile, m, round_to_nearest<float>(sum[m]));
    else
      store_row(at, tile, m, rounded_from(sum[m], rounding, tile.coordinate(m)));
  }
}

/// out[j] = x + scale_j/√rank U Vᵀ.
template <class T>
__global__ void __launch_bounds__(kTileThreads)
    write_low_rank_kernel(const __grid_constant__ LowRankPlan plan, const ProbeArgument* probes,
                          std::uint32_t count, FactorProducts products, const T* x, T* out,
                          std::size_t out_stride) {
  const Tile tile = tile_of(plan);
  if (tile.empty()) return;
  Eight<T> theta[kTileRows];
#pragma unroll
  for (std::uint32_t m = 0; m < kTileRows; ++m) theta[m] = load_row(x + tile.segment.from, tile, m);
  TileSums z = {};
  add_products(tile, products.factors.rank, products.factors.data, products.unit, z);
  T* to = out + tile.segment.to;
  for (std::uint32_t j = 0; j < count; ++j, to += out_stride) {
    const float scale = probes[j].scale;
#pragma unroll
    for (std::uint32_t m = 0; m < kTileRows; ++m) {
      float probed[kGroup];
#pragma unroll
      for (std::uint32_t i = 0; i < kGroup; ++i) probed[i] = __fmaf_rn(scale, z[m][i], value(theta[m], i));
      store_row(to, tile, m, round_to_nearest<T>(probed));
    }
  }
}

/// Shares the segments among blocks. `in` and `out`: what their `from` and `to` count from, with the copies'
/// strides in elements.
template <class T>
LowRankPlan plan_low_rank(const LowRankSegments& segments, const LowRankFactors& factors, const T* in,
                          const T* out, std::size_t out_stride) {
  const auto whole = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; };
  LowRankPlan plan{segments};
  std::uint32_t blocks = 0;
  for (std::uint32_t k = 0; k < segments.count; ++k) {
    const LowRankSegment& s = segments.segment[k];
    const FactorPiece& p = s.piece;
    blocks += ((p.cols + kTileCols - 1) / kTileCols) * ((s.rows + kTileHeight - 1) / kTileHeight);
    plan.end[k] = blocks;
    plan.whole[k] = s.rows % kTileRows == 0 && s.first_row % kTileRows == 0 && p.rows % kTileRows == 0 &&
                    p.cols % kGroup == 0 && factors.stride % 4 == 0 && whole(factors.data + p.u_at) &&
                    whole(factors.data + p.v_at) && whole(in + s.from) &&
                    (out == nullptr || (whole(out + s.to) && out_stride % kGroup == 0));
  }
  return plan;
}

inline FactorProducts products_of(const LowRankFactors& factors) {
  return {factors, static_cast<float>(1.0 / std::sqrt(static_cast<double>(factors.rank)))};
}

}  // namespace detail

template <class T>
void update_low_rank(cudaStream_t stream, const UpdateTerm* terms, std::uint32_t count,
                     const LowRankSegments& segments, const LowRankFactors& factors, T* x) {
  const detail::LowRankPlan plan = detail::plan_low_rank<T>(segments, factors, x, nullptr, 0);
  if (count == 0 || factors.rank == 0 || plan.blocks() == 0) return;
  detail::update_low_rank_kernel<<<plan.blocks(), detail::kTileThreads, 0, stream>>>(
      plan, terms, count, detail::products_of(factors), x);
  launched("update_low_rank");
}

template <class T>
void write_low_rank_probes(cudaStream_t stream, const ProbeArgument* probes, std::uint32_t count,
                           const LowRankSegments& segments, const LowRankFactors& factors, const T* x, T* out,
                           std::size_t out_stride) {
  LowRankFactors first = factors;  // of the one direction that is read
  first.stride = 0;
  const detail::LowRankPlan plan = detail::plan_low_rank(segments, first, x, out, out_stride);
  if (count == 0 || factors.rank == 0 || plan.blocks() == 0) return;
  detail::write_low_rank_kernel<<<plan.blocks(), detail::kTileThreads, 0, stream>>>(
      plan, probes, count, detail::products_of(first), x, out, out_stride);
  launched("write_low_rank_probes");
}

}  // namespace zofo::tensor::cuda
