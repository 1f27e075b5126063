/// @file Converts whole tensors between fp32 and the floating-point types in which they are stored.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace zofo::checkpoint {

/// float to bfloat16, rounded to nearest, ties to even; NaN stays NaN.
inline std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16U) & 1U);
  return static_cast<std::uint16_t>((nan ? bits | 0x400000U : rounded) >> 16U);
}

/// F16 to floats; exact. `bytes` holds 2 bytes for each element of `out`.
void widen_half(std::span<const std::byte> bytes, std::span<float> out);
/// BF16 to floats; exact. `bytes` holds 2 bytes for each element of `out`.
void widen_bfloat16(std::span<const std::byte> bytes, std::span<float> out);
/// Copies F32. `bytes` holds 4 bytes for each element of `out`.
void widen_float(std::span<const std::byte> bytes, std::span<float> out);
/// F64 to floats, rounded to nearest; numbers beyond float's range become infinite. `bytes` holds 8 bytes for
/// each element of `out`.
void widen_double(std::span<const std::byte> bytes, std::span<float> out);
/// Bytes of F8_E4M3 (OCP FP8; the largest value is 448, there are no infinities) to floats; exact.
void widen_e4m3(std::span<const std::byte> bytes, std::span<float> out);
/// Bytes of F8_E5M2 (OCP FP8, the upper byte of a half) to floats; exact.
void widen_e5m2(std::span<const std::byte> bytes, std::span<float> out);
/// Floats to BF16, rounded to nearest. `bytes` holds 2 bytes for each element of `values`.
void narrow_bfloat16(std::span<const float> values, std::span<std::byte> bytes);

}  // namespace zofo::checkpoint
