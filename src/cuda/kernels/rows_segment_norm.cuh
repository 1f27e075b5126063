/// @file RMSNorm of segments of a row (Zhang & Sennrich 2019): the heads of queries and keys, or all of them;
/// and its gradient. A warp for a segment.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/row_pack.cuh"
#include "zofo/tensor/cuda/kernels/rows.hpp"

namespace zofo::tensor::cuda {

namespace detail {

constexpr unsigned segment_warps = 4;  ///< of a block, each with its own segment

/// A warp's segment of a row.
template <class T>
struct Segment {
  std::size_t at = 0;       ///< its first entry in the rows
  const T* gain = nullptr;  ///< at the row's probe
  std::uint32_t size = 0;   ///< columns; 0: past the last row

  __device__ explicit Segment(const SegmentNorm<T>& a) {
    const std::size_t number = std::size_t{blockIdx.x} * segment_warps + threadIdx.x / 32;
    const NormSegments& segments = a.segments;
    const std::uint32_t each = segments.query_count + segments.key_count;
    const std::size_t row = number / each;
    if (row >= std::size_t{a.rows.tokens} * a.rows.probes) return;
    const auto index = static_cast<std::uint32_t>(number - row * each);
    const bool query = index < segments.query_count;
    const PerProbe<T>& weight = query ? a.query_gain : a.key_gain;
    gain = weight.data + row / a.rows.tokens * weight.stride;
    size = query ? segments.query_size : segments.key_size;
    const std::size_t queries = std::size_t{segments.query_count} * segments.query_size;
    at = row * a.stride +
         (query ? std::size_t{index} * size : queries + std::size_t{index - segments.query_count} * size);
  }
};

template <class T>
__global__ void __launch_bounds__(32 * segment_warps)
    segment_norm_kernel(const __grid_constant__ SegmentNorm<T> a) {
  const Segment<T> segment(a);
  if (segment.size == 0) return;  // whole warps
  T* const x = a.x + segment.at;
  float square[1] = {};
  for (std::uint32_t column = 8 * (threadIdx.x % 32); column < segment.size; column += 256) {
    float value[8];
    load_values(x + column, value);
#pragma unroll
    for (int i = 0; i < 8; ++i) square[0] = fmaf(value[i], value[i], square[0]);
  }
  warp_sum(square);
  const float inverse = 1.0F / sqrtf(square[0] / static_cast<float>(segment.size) + a.eps);
  for (std::uint32_t column = 8 * (threadIdx.x % 32); column < segment.size; column += 256) {
    float value[8], weight[8];
    load_values(x + column, value);
    load_values(segment.gain + column, weight);
#pragma unroll
    for (int i = 0; i < 8; ++i) value[i] = value[i] * inverse * (weight[i] + a.offset);
    store_values(value, x + column);
  }
}

template <class T>
__global__ void __launch_bounds__(32 * segment_warps)
    segment_norm_backward_kernel(const __grid_constant__ SegmentNorm<T> a, const T* raw) {
  const Segment<T> segment(a);
  if (segment.size == 0) return;
  T* const d = a.x + segment.at;
  const T* const x = raw + segment.at;
  float moment[2] = {};  // squares, products with the gradient
  for (std::uint32_t column = 8 * (threadIdx.x % 32); column < segment.size; column += 256) {
    float value[8], gradient[8], weight[8];
    load_values(x + column, value);
    load_values(d + column, gradient);
    load_values(segment.gain + column, weight);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      moment[0] = fmaf(value[i], value[i], moment[0]);
      moment[1] = fmaf(value[i], gradient[i] * (weight[i] + a.offset), moment[1]);
    }
  }
  warp_sum(moment);
  const auto count = static_cast<float>(segment.size);
  const float inverse = 1.0F / sqrtf(moment[0] / count + a.eps);
  const float shrink = moment[1] / count * inverse * inverse;
  for (std::uint32_t column = 8 * (threadIdx.x % 32); column < segment.size; column += 256) {
    float value[8], gradient[8], weight[8];
    load_values(x + column, value);
    load_values(d + column, gradient);
    load_values(segment.gain + column, weight);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      gradient[i] = inverse * (gradient[i] * (weight[i] + a.offset) - value[i] * shrink);
    store_values(gradient, d + column);
  }
}

/// Blocks of the grid.
inline unsigned segment_blocks(const Rows& rows, const NormSegments& segments) {
  return blocks_of(rows.count() * (segments.query_count + segments.key_count), segment_warps);
}

}  // namespace detail

template <class T>
void segment_norm(cudaStream_t stream, const SegmentNorm<T>& arguments) {
  if (arguments.rows.count() == 0) return;
  detail::segment_norm_kernel<T>
      <<<detail::segment_blocks(arguments.rows, arguments.segments), 32 * detail::segment_warps, 0, stream>>>(
          arguments);
  launched("segment_norm");
}

template <class T>
void segment_norm_backward(cudaStream_t stream, const SegmentNorm<T>& arguments, const T* raw) {
  if (arguments.rows.count() == 0) return;
  detail::segment_norm_backward_kernel<T>
      <<<detail::segment_blocks(arguments.rows, arguments.segments), 32 * detail::segment_warps, 0, stream>>>(
          arguments, raw);
  launched("segment_norm_backward");
}

}  // namespace zofo::tensor::cuda
