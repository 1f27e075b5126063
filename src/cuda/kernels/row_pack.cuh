/// @file Neighbouring values of a row loaded or stored at once, as fp32 in registers; sums over the threads
/// of a row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zofo/tensor/cuda/launch_check.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda::detail {

/// `size` neighbouring values as stored in memory, loaded and stored in pieces of up to 16 bytes.
template <class T, int size>
struct alignas(size * sizeof(T) < 16 ? size * sizeof(T) : 16) RowPack {
  static constexpr int words = static_cast<int>(size * sizeof(T) / 4);
  std::uint32_t word[words];
};

template <int size, class T>
__device__ inline RowPack<T, size> load_pack(const T* from) {
  return *reinterpret_cast<const RowPack<T, size>*>(from);
}

template <class T, int size>
__device__ inline void store_pack(const RowPack<T, size>& pack, T* to) {
  *reinterpret_cast<RowPack<T, size>*>(to) = pack;
}

template <int size>
__device__ inline void unpack(const RowPack<float, size>& pack, float (&value)[size]) {
#pragma unroll
  for (int i = 0; i < size; ++i) value[i] = __uint_as_float(pack.word[i]);
}

// A bf16 is the upper half of the float of the same value.
template <int size>
__device__ inline void unpack(const RowPack<bf16, size>& pack, float (&value)[size]) {
#pragma unroll
  for (int i = 0; i < size / 2; ++i) {
    value[2 * i] = __uint_as_float(pack.word[i] << 16U);
    value[2 * i + 1] = __uint_as_float(pack.word[i] & 0xFFFF0000U);
  }
}

template <int size>
__device__ inline RowPack<float, size> rounded(const float (&value)[size], const float* /*type*/) {
  RowPack<float, size> pack;
#pragma unroll
  for (int i = 0; i < size; ++i) pack.word[i] = __float_as_uint(value[i]);
  return pack;
}

template <int size>
__device__ inline RowPack<bf16, size> rounded(const float (&value)[size], const bf16* /*type*/) {
  RowPack<bf16, size> pack;
#pragma unroll
  for (int i = 0; i < size / 2; ++i) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(value[2 * i], value[2 * i + 1]);
    pack.word[i] = *reinterpret_cast<const std::uint32_t*>(&pair);
  }
  return pack;
}

template <class T, int size>
__device__ inline void load_values(const T* from, float (&value)[size]) {
  unpack(load_pack<size>(from), value);
}

template <class T, int size>
__device__ inline void store_values(const float (&value)[size], T* to) {
  store_pack(rounded(value, static_cast<const T*>(nullptr)), to);
}

template <int size>
__device__ inline void set_zero(float (&value)[size]) {
#pragma unroll
  for (int i = 0; i < size; ++i) value[i] = 0.0F;
}

/// Whether float4 may be loaded from p.
__device__ inline bool holds_quads(const float* p) {
  return (reinterpret_cast<std::uintptr_t>(p) & 15U) == 0;
}

/// Sums each value over a warp; all lanes get the result.
template <int count>
__device__ inline void warp_sum(float (&value)[count]) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2)
#pragma unroll
    for (int i = 0; i < count; ++i) value[i] += __shfl_xor_sync(0xFFFFFFFFU, value[i], step);
}

/// Where the warps of a block meet: one for each sum, so that no barrier is needed between two.
template <int count>
struct BlockSum {
  float partial[count][32];
};

/// Sums each value over the block's warps, all full; all threads get the result.
template <int count>
__device__ inline void block_sum(float (&value)[count], BlockSum<count>& shared) {
  const std::uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  warp_sum(value);
  if (lane == 0)
#pragma unroll
    for (int i = 0; i < count; ++i) shared.partial[i][warp] = value[i];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < count; ++i) value[i] = lane < warps ? shared.partial[i][lane] : 0.0F;
  warp_sum(value);
}

/// ⌈items / each⌉ as a grid's size.
inline unsigned blocks_of(std::size_t items, std::size_t each) {
  return static_cast<unsigned>((items + each - 1) / each);
}

/// Whole warps for `items`, at most `most` threads.
inline unsigned threads_for(std::size_t items, unsigned most) {
  const unsigned warps = blocks_of(items, 32);
  return warps < most / 32 ? warps * 32 : most;
}

}  // namespace zofo::tensor::cuda::detail
