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
  detail::widen<std::uint16_t>(bytes, out, [](std::uint16_t bits) { return half_to_float(bits); });
}
/// BF16 to floats, exact.
inline void widen_bfloat16(std::span<const std::byte> bytes, std::span<float> out) {
  detail::widen<std::uint16_t>(bytes, out, [](std::uint16_t bits) { return bfloat16_to_float(bits); });
}
/// Floats to BF16, to nearest; `bytes` holds two for each of `values`.
inline void narrow_bfloat16(std::span<const float> values, std::span<std::byte> bytes) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = float_to_bfloat16(values[i]);
    std::memcpy(bytes.data() + i * sizeof bits, &bits, sizeof bits);
  }
}
/// F32, copied.
inline void widen_float(std::span<const std::byte> bytes, std::span<float> out) {
  detail::widen<float>(bytes, out, [](float value) { return value; });
}

}  // namespace zofo::checkpoint
