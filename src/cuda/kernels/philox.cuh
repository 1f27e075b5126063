/// @file The random entries of core/random.hpp made in a kernel's registers: the same words to the bit, and
/// core's normals, since every operation but the square root is core's own, rounded as core's is.
#pragma once

#include <cstdint>

#include "zofo/core/box_muller_coefficients.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"

namespace zofo::tensor::cuda {

namespace detail {

/// By default the compiler adds the product of the operands' upper halves, which are 0.
__device__ inline zofo::WideProduct wide_product(std::uint32_t a, std::uint32_t b) {
  zofo::WideProduct p;
  asm("{ .reg .b64 wide; mul.wide.u32 wide, %2, %3; mov.b64 {%0, %1}, wide; }"
      : "=r"(p.low), "=r"(p.high)
      : "r"(a), "r"(b));
  return p;
}

/// The words of one (direction, tensor): what core's PhiloxStream computes for each block, less the work that
/// all blocks share. Twenty-odd registers: make one outside a loop over blocks.
class PhiloxStream {
 public:
  __device__ PhiloxStream(const ProbeArgument& probe, std::uint32_t tensor) {
    const auto low = static_cast<std::uint32_t>(probe.seed);
    const auto high = static_cast<std::uint32_t>(probe.seed >> 32U);
#pragma unroll
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      key0_[round] = low + round * zofo::kPhiloxKeyStep0;
      key1_[round] = high + round * zofo::kPhiloxKeyStep1;
    }
    // Only counter word 0 differs between blocks, so half of rounds 1 and 2 is the same for all of them.
    const WideProduct step = wide_product(kMultiplier1, probe.step);
    const WideProduct second = wide_product(kMultiplier0, step.high ^ tensor ^ key0_[0]);
    round1_c2_ = probe.query ^ key1_[0];
    round2_c0_ = step.low ^ key0_[1];
    round2_c2_ = second.high ^ key1_[1];
    round2_c3_ = second.low;
  }

  /// Keeps the rounds' keys in registers: otherwise the compiler makes them again for every block, which a
  /// loop over blocks feels.
  __device__ void keep_keys() {
#pragma unroll
    for (std::uint32_t round = 2; round < kRounds; ++round) asm("" : "+r"(key0_[round]), "+r"(key1_[round]));
  }

  /// The four words of a block.
  __device__ uint4 block(std::uint32_t index) const {
    const WideProduct first = wide_product(kMultiplier0, index);
    const WideProduct second = wide_product(kMultiplier1, first.high ^ round1_c2_);
    uint4 c = make_uint4(second.high ^ round2_c0_, second.low, first.low ^ round2_c2_, round2_c3_);
#pragma unroll
    for (std::uint32_t round = 2; round < kRounds; ++round) {
      const WideProduct a = wide_product(kMultiplier0, c.x);
      const WideProduct b = wide_product(kMultiplier1, c.z);
      c = make_uint4(b.high ^ c.y ^ key0_[round], b.low, a.high ^ c.w ^ key1_[round], a.low);
    }
    return c;
  }

 private:
  using WideProduct = zofo::WideProduct;
  static constexpr std::uint32_t kRounds = zofo::kPhiloxRounds;
  static constexpr std::uint32_t kMultiplier0 = zofo::kPhiloxMultiplier0;
  static constexpr std::uint32_t kMultiplier1 = zofo::kPhiloxMultiplier1;

  std::uint32_t key0_[kRounds];
  std::uint32_t key1_[kRounds];
  std::uint32_t round1_c2_, round2_c0_, round2_c2_, round2_c3_;
};

/// sqrt x for x = ±0 and for normal x far from the ends of the range: Newton's step from the GPU's 1/√x, as
/// the library's own square root does, without its test for other arguments. Correctly rounded but for some
/// in ten million, which are the float next to it (counted on the CPU with 1/√x an ulp off).
__device__ inline float square_root(float x) {
  float inverse;
  // 1e-30 is nothing next to the smallest positive −2 log u, 1.2e-7, and keeps 1/√0 finite.
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(__fadd_rn(x, 1e-30F)));
  const float root = __fmul_rn(x, inverse);
  const float half = __fmul_rn(inverse, 0.5F);
  return __fmaf_rn(__fmaf_rn(-root, root, x), half, root);
}

/// Four words made of two blocks of one stream: their exclusive or, which is independent of either of them,
/// through two more of Philox's rounds.
__device__ inline uint4 mixed(uint4 a, uint4 b) {
  uint4 c = make_uint4(a.x ^ b.x, a.y ^ b.y, a.z ^ b.z, a.w ^ b.w);
#pragma unroll
  for (int round = 0; round < 2; ++round) {
    const auto first = wide_product(zofo::kPhiloxMultiplier0, c.x);
    const auto second = wide_product(zofo::kPhiloxMultiplier1, c.z);
    c = make_uint4(second.high ^ c.y, second.low, first.high ^ c.w, first.low);
  }
  return c;
}

/// core's `radius` for one lane: sqrt(-2 log u) with u from the upper 31 bits of the word.
__device__ inline float radius(std::uint32_t word) {
  using zofo::kMinusTwoLog;
  constexpr std::uint32_t root_half = 0x3F3504F3U;
  constexpr std::uint32_t scale = 31U << 23U;
  const float scaled = __fadd_rn(__int2float_rn(static_cast<std::int32_t>(word >> 1U)), 0.5F);
  const std::uint32_t bits = __float_as_uint(scaled) + (0U - root_half - scale);
  // The exponent as a float without a conversion, which runs at an eighth of the speed: 1.5·2^23 + exponent.
  const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 23);
  const float whole = __fadd_rn(__uint_as_float(0x4B400000U + exponent), -12582912.0F);
  const float f = __fadd_rn(__uint_as_float((bits & 0x7FFFFFU) + root_half), -1.0F);
  constexpr float c0 = kMinusTwoLog[0], c1 = kMinusTwoLog[1], c2 = kMinusTwoLog[2], c3 = kMinusTwoLog[3],
                  c4 = kMinusTwoLog[4], c5 = kMinusTwoLog[5], c6 = kMinusTwoLog[6], c7 = kMinusTwoLog[7],
                  c8 = kMinusTwoLog[8];
  static_assert(sizeof kMinusTwoLog == 9 * sizeof(float));
  float sum = __fmaf_rn(c8, f, c7);
  sum = __fmaf_rn(sum, f, c6);
  sum = __fmaf_rn(sum, f, c5);
  sum = __fmaf_rn(sum, f, c4);
  sum = __fmaf_rn(sum, f, c3);
  sum = __fmaf_rn(sum, f, c2);
  sum = __fmaf_rn(sum, f, c1);
  sum = __fmaf_rn(sum, f, c0);
  return square_root(__fmaf_rn(f, sum, __fmul_rn(whole, -1.38629436F)));
}

/// core's `on_circle` for one lane: r times the point of the unit circle that the word names.
__device__ inline float2 on_circle(float r, std::uint32_t word) {
  using zofo::kCosine;
  using zofo::kSine;
  constexpr float s0 = kSine[0], s1 = kSine[1], s2 = kSine[2], s3 = kSine[3];
  constexpr float c0 = kCosine[0], c1 = kCosine[1], c2 = kCosine[2], c3 = kCosine[3];
  static_assert(sizeof kSine == 4 * sizeof(float) && sizeof kCosine == 4 * sizeof(float));
  const float t = __fmul_rn(__int2float_rn(static_cast<std::int32_t>(word)), 0x1p-31F);
  const float square = __fmul_rn(t, t);
  const float sine_by_t = __fmaf_rn(__fmaf_rn(__fmaf_rn(s3, square, s2), square, s1), square, s0);
  const float sine = __fmul_rn(__fmul_rn(r, t), sine_by_t);
  const float cosine = __fmul_rn(r, __fmaf_rn(__fmaf_rn(__fmaf_rn(c3, square, c2), square, c1), square, c0));
  const float signed_cosine = __uint_as_float(__float_as_uint(cosine) ^ (word << 31U));
  // As it would be written in C++, the compiler spends three instructions on the test of the bit.
  float2 point;
  asm("{ .reg .b32 bit; .reg .pred swap; and.b32 bit, %4, 2; setp.ne.b32 swap, bit, 0;"
      " selp.f32 %0, %2, %3, swap; selp.f32 %1, %3, %2, swap; }"
      : "=f"(point.x), "=f"(point.y)
      : "f"(sine), "f"(signed_cosine), "r"(word));
  return point;
}

/// The four normals of a block's words.
__device__ inline float4 normals_of(uint4 words) {
  const float2 front = on_circle(radius(words.x), words.y);
  const float2 back = on_circle(radius(words.z), words.w);
  return make_float4(front.x, front.y, back.x, back.y);
}

/// Word 0 … 3.
__device__ inline std::uint32_t word_of(uint4 words, std::uint32_t index) {
  const std::uint32_t front = (index & 1U) != 0 ? words.y : words.x;
  const std::uint32_t back = (index & 1U) != 0 ? words.w : words.z;
  return (index & 2U) != 0 ? back : front;
}

/// −1 where the bit is set, else 1.
__device__ inline float sign_of(std::uint32_t word, std::uint32_t bit) {
  return __uint_as_float(0x3F800000U | (word >> bit) << 31U);
}

}  // namespace detail

/// The four Philox words of a block of (probe's direction, tensor). Several blocks of one stream cost less
/// through one detail::PhiloxStream.
__device__ inline uint4 philox_block(ProbeArgument probe, std::uint32_t tensor, std::uint32_t block) {
  return detail::PhiloxStream(probe, tensor).block(block);
}

/// Standard normals of coordinates 4·block … 4·block + 3 of (probe's direction, tensor).
__device__ inline float4 normals4(ProbeArgument probe, std::uint32_t tensor, std::uint32_t block) {
  return detail::normals_of(philox_block(probe, tensor, block));
}

/// The random sign of bit 0 … 127 of a block: that of coordinate 128·block + bit; −1 where the bit is set.
__device__ inline float sign_of(uint4 words, std::uint32_t bit) {
  return detail::sign_of(detail::word_of(words, bit / 32), bit % 32);
}

}  // namespace zofo::tensor::cuda
