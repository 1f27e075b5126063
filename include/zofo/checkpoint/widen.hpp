/// @file Stored floats to fp32 and back: F32, F16, BF16, a whole tensor at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "zofo/checkpoint/dequantize.hpp"

namespace zofo::checkpoint {

/// float to bfloat16, to nearest, ties to even; NaN stays NaN.
inline std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16U) & 1U);
  return static_cast<std::uint16_t>((nan ? bits | 0x400000U : rounded) >> 16U);
}

namespace detail {

/// IEEE half to float without a branch: the exponent is moved to float's place and its bias mended by a
/// product, which is exact and also turns subnormals right; infinities and NaN get float's largest exponent.
inline float half_to_float_unbranched(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t magnitude = (half & 0x7FFFU) << 13U;
  const std::uint32_t finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  const std::uint32_t special = magnitude | 0x7F800000U;
  return std::bit_cast<float>(sign | (magnitude >= 0x0F800000U ? special : finite));
}

/// out[i] = one(bits i); on one thread, since one already moves what the memory gives.
template <class Bits, class One>
void widen(std::span<const std::byte> bytes, std::span<float> out, One one) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    out[i] = one(bits);
  }
}

}  // namespace detail

/// F16 to floats, exact; `bytes` holds two for each of `out`.
inline void widen_half(std::span<const std::byte> bytes, std::span<float> out) {
  detail::widen<std::uint16_t>(bytes, out,
                               [](std::uint16_t bits) { return detail::half_to_float_unbranched(bits); });
}
/// BF16 to floats, exact.
inline void widen_bfloat16(std::span<const std::byte> bytes, std::span<float> out) {
  detail::widen<std::uint16_t>(bytes, out, [](std::uint16_t bits) { return bfloat16_to_float(bits); });
}
/// F32, copied.
inline void widen_float(std::span<const std::byte> bytes, std::span<float> out) {
  detail::widen<float>(bytes, out, [](float value) { return value; });
}

}  // namespace zofo::checkpoint
