/// @file One step of the tensor cores with an operand in fp32, as a sum of bf16.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

namespace zofo::tensor::cuda::detail {

/// A pair of floats as a sum of pairs of bf16. Two of them hold a float to 2⁻¹⁸ of itself, far below the 2⁻⁹
/// of the bf16 it is multiplied with; their products are exact in fp32. So the tensor cores do what would
/// take the fp32 ones longer than reading x does.
struct SplitPair {
  static constexpr int parts = 2;
  std::uint32_t part[parts];
};
__device__ inline SplitPair split(float a, float b) {
  SplitPair pair;
#pragma unroll
  for (int i = 0; i < SplitPair::parts; ++i) {
    const __nv_bfloat162 rounded = __floats2bfloat162_rn(a, b);
    pair.part[i] = *reinterpret_cast<const std::uint32_t*>(&rounded);
    a -= __uint_as_float(pair.part[i] << 16U);
    b -= __uint_as_float(pair.part[i] & 0xFFFF0000U);
  }
  return pair;
}

/// sum [16, 8] += a [16, 16]·b [16, 8] over a warp (PTX ISA, mma.m16n8k16: lane 4g + q holds rows g and g + 8
/// of a, columns 2q, 2q + 1 and those + 8; b likewise with g for its column; of the sum columns 2q and 2q +
/// 1).
__device__ inline void multiply_tile(float (&sum)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                                     std::uint32_t a3, std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

}  // namespace zofo::tensor::cuda::detail
