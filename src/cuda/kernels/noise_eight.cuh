/// @file Eight scalars in registers: read and written in 16 bytes if aligned, rounded to nearest or
/// stochastically, and the eight entries of a direction that go with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cuda/kernels/noise_segments.cuh"
#include "cuda/kernels/philox.cuh"
#include "zofo/core/rng_streams.hpp"

namespace zofo::tensor::cuda::detail {

/// The bits of eight scalars as stored in memory.
template <class T>
struct Eight {
  static constexpr std::uint32_t words = kGroup * sizeof(T) / sizeof(std::uint32_t);
  std::uint32_t word[words];
};

template <class T>
__device__ float value(const Eight<T>& x, std::uint32_t i) {
  if constexpr (std::is_same_v<T, float>) {
    return __uint_as_float(x.word[i]);
  } else {
    const std::uint32_t pair = x.word[i / 2];
    return __uint_as_float(i % 2 == 0 ? pair << 16U : pair & 0xFFFF0000U);
  }
}

template <class T>
__device__ Eight<T> round_to_nearest(const float (&x)[kGroup]) {
  Eight<T> out;
#pragma unroll
  for (std::uint32_t k = 0; k < Eight<T>::words; ++k) {
    if constexpr (std::is_same_v<T, float>) {
      out.word[k] = __float_as_uint(x[k]);
    } else {
      const __nv_bfloat162 pair = __floats2bfloat162_rn(x[2 * k], x[2 * k + 1]);
      out.word[k] = std::uint32_t{__bfloat16_as_ushort(__high2bfloat16(pair))} << 16U |
                    __bfloat16_as_ushort(__low2bfloat16(pair));
    }
  }
  return out;
}

/// The bits of x, whose upper half is x rounded to a bf16: away from zero with the probability that makes the
/// rounding unbiased. A number of [0, 2^16) that is added to the magnitude's lower half carries into the
/// upper half just so often. Infinities have no lower half; a NaN could become something else.
__device__ inline std::uint32_t carry_stochastically(float x, std::uint32_t random) {
  return __float_as_uint(x) + random;
}

/// out with x's NaNs put back.
template <class T>
__device__ Eight<T> keep_nans(const float (&x)[kGroup], Eight<T> out) {
#pragma unroll
  for (std::uint32_t i = 0; i < kGroup; ++i)
    if (x[i] != x[i]) out.word[i / 2] |= 0x7FFFU << (i % 2 * 16);
  return out;
}

/// x rounded stochastically with the bits of a rounding block; a NaN stays one.
template <class T>
__device__ Eight<T> round_stochastically(const float (&x)[kGroup], uint4 random) {
  static_assert(std::is_same_v<T, bf16>);
  const std::uint32_t bits[4] = {random.x, random.y, random.z, random.w};
  Eight<T> out;
#pragma unroll
  for (std::uint32_t k = 0; k < 4; ++k)
    out.word[k] = __byte_perm(carry_stochastically(x[2 * k], bits[k] & 0xFFFFU),
                              carry_stochastically(x[2 * k + 1], bits[k] >> 16U), 0x7632);
  // A sum is a NaN if one of its terms is: one test for all eight.
  const float sum = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
  return sum == sum ? out : keep_nans(x, out);
}

template <std::size_t bytes>
__device__ bool aligned(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p) % bytes == 0;
}

// One instruction each: the compiler takes ordinary stores of so many bytes apart where branches meet.
__device__ inline void store_at_once(void* p, uint4 x) {
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)), "r"(x.x),
               "r"(x.y), "r"(x.z), "r"(x.w)
               : "memory");
}
__device__ inline void store_at_once(void* p, uint2 x) {
  asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(p)), "r"(x.x), "r"(x.y)
               : "memory");
}

template <class T>
__device__ Eight<T> load_whole(const T* p) {
  Eight<T> x;
#pragma unroll
  for (std::uint32_t k = 0; k < Eight<T>::words; k += 4) {
    // Weights are read once a step: let what is written stay in the cache for the products that follow.
    const uint4 bits = __ldcs(reinterpret_cast<const uint4*>(p) + k / 4);
    x.word[k] = bits.x, x.word[k + 1] = bits.y, x.word[k + 2] = bits.z, x.word[k + 3] = bits.w;
  }
  return x;
}

template <class T>
__device__ void store_whole(T* p, const Eight<T>& x) {
#pragma unroll
  for (std::uint32_t k = 0; k < Eight<T>::words; k += 4)
    store_at_once(reinterpret_cast<uint4*>(p) + k / 4,
                  make_uint4(x.word[k], x.word[k + 1], x.word[k + 2], x.word[k + 3]));
}

/// Whether the lower or upper four of a group are present and aligned for one access.
template <class T>
__device__ bool four_at_once(const T* p, const GroupPart& part, std::int32_t first) {
  return part.begin <= first && first + 4 <= part.end && aligned<4 * sizeof(T)>(p + first);
}

/// The segment's elements of a group that is at p; the others are zero.
template <class T>
__device__ Eight<T> load(const T* p, const Share& share, std::uint32_t group) {
  if (share.whole(group) && aligned<16>(p)) return load_whole(p);
  const GroupPart part = part_of(share.segment, group);
  Eight<T> x = {};
#pragma unroll
  for (std::int32_t half = 0; half < 2; ++half) {
    std::uint32_t* const word = x.word + half * static_cast<std::int32_t>(Eight<T>::words / 2);
    const std::int32_t first = 4 * half;
    if (four_at_once(p, part, first)) {
      using Four = std::conditional_t<std::is_same_v<T, float>, uint4, uint2>;
      const Four bits = *reinterpret_cast<const Four*>(p + first);
      word[0] = bits.x, word[1] = bits.y;
      if constexpr (std::is_same_v<T, float>) word[2] = bits.z, word[3] = bits.w;
      continue;
    }
#pragma unroll
    for (std::int32_t i = 0; i < 4; ++i) {
      if (first + i < part.begin || first + i >= part.end) continue;
      if constexpr (std::is_same_v<T, float>) {
        word[i] = __float_as_uint(p[first + i]);
      } else {
        word[i / 2] |= std::uint32_t{__bfloat16_as_ushort(p[first + i])} << (i % 2 * 16);
      }
    }
  }
  return x;
}

/// The segment's elements of a group that is at p.
template <class T>
__device__ void store(T* p, const Share& share, std::uint32_t group, const Eight<T>& x) {
  if (share.whole(group) && aligned<16>(p)) return store_whole(p, x);
  const GroupPart part = part_of(share.segment, group);
#pragma unroll
  for (std::int32_t half = 0; half < 2; ++half) {
    const std::uint32_t* const word = x.word + half * static_cast<std::int32_t>(Eight<T>::words / 2);
    const std::int32_t first = 4 * half;
    if (four_at_once(p, part, first)) {
      if constexpr (std::is_same_v<T, float>) {
        store_at_once(p + first, make_uint4(word[0], word[1], word[2], word[3]));
      } else {
        store_at_once(p + first, make_uint2(word[0], word[1]));
      }
      continue;
    }
#pragma unroll
    for (std::int32_t i = 0; i < 4; ++i) {
      if (first + i < part.begin || first + i >= part.end) continue;
      if constexpr (std::is_same_v<T, float>) {
        p[first + i] = __uint_as_float(word[i]);
      } else {
        p[first + i] = __ushort_as_bfloat16(static_cast<unsigned short>(word[i / 2] >> (i % 2 * 16)));
      }
    }
  }
}

/// The entries of a direction in one tensor. Make one outside a loop over groups.
template <Distribution distribution>
class Entries {
 public:
  __device__ Entries(const ProbeArgument& probe, std::uint32_t tensor) : stream_(probe, tensor) {}

  /// For a loop over many groups.
  __device__ void keep_keys() { stream_.keep_keys(); }
  /// Entries 8·group … 8·group + 7.
  __device__ void eight(std::uint32_t group, float (&z)[kGroup]) const {
    if constexpr (distribution == Distribution::gaussian) {
      normals(stream_.block(2 * group), stream_.block(2 * group + 1), z);
    } else {
      // A block has the signs of 16 groups: this group's are a byte of one of its words.
      const std::uint32_t word = word_of(stream_.block(group / 16), group / 4 % 4) >> (group % 4 * kGroup);
#pragma unroll
      for (std::uint32_t i = 0; i < kGroup; ++i) z[i] = detail::sign_of(word, i);
    }
  }
  /// Entries 8·group … 8·group + 7 of a Gaussian, and the bits that round them.
  __device__ uint4 eight_and_rounding(std::uint32_t group, float (&z)[kGroup]) const {
    static_assert(distribution == Distribution::gaussian);
    const uint4 front = stream_.block(2 * group);
    const uint4 back = stream_.block(2 * group + 1);
    normals(front, back, z);
    return mixed(front, back);
  }

 private:
  __device__ static void normals(uint4 front_words, uint4 back_words, float (&z)[kGroup]) {
    const float4 front = normals_of(front_words);
    const float4 back = normals_of(back_words);
    z[0] = front.x, z[1] = front.y, z[2] = front.z, z[3] = front.w;
    z[4] = back.x, z[5] = back.y, z[6] = back.z, z[7] = back.w;
  }

  PhiloxStream stream_;
};

/// There are none: a probe is θ itself.
template <>
class Entries<Distribution::none> {
 public:
  __device__ Entries(const ProbeArgument&, std::uint32_t) {}
  __device__ void keep_keys() {}
  __device__ void eight(std::uint32_t, float (&)[kGroup]) const {}
};

/// x + a z with one rounding.
template <Distribution distribution>
__device__ float moved(float a, float z, float x) {
  if constexpr (distribution == Distribution::none) return x;
  return __fmaf_rn(a, z, x);
}

/// The number that extra_stream(use, tensor) of core/rng_streams.hpp gives.
__device__ inline std::uint32_t extra_stream_of(ExtraStream use, std::uint32_t tensor) {
  return static_cast<std::uint32_t>(use) << kTensorBits | tensor;
}

}  // namespace zofo::tensor::cuda::detail
