/// @file ggml's storage types as floats.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "zofo/checkpoint/ggml_type.hpp"

namespace zofo::checkpoint {

static_assert(std::endian::native == std::endian::little, "GGUF is read on little-endian machines only");

/// IEEE half to float; exact for every input, including subnormals, infinities and NaN. Branch-free: the
/// exponent bits are shifted to float's position, and a product corrects the bias. The product is exact and
/// also converts subnormals; infinities and NaN get float's largest exponent.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t magnitude = (half & 0x7FFFU) << 13U;
  const std::uint32_t finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  const std::uint32_t special = magnitude | 0x7F800000U;
  return std::bit_cast<float>(sign | (magnitude >= 0x0F800000U ? special : finite));
}

/// bfloat16 to float; exact.
inline float bfloat16_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

/// Writes the floats that `bytes` stores, in parallel under OpenMP, and returns whether all are finite.
/// Throws Error unless `type` can be read and `bytes` and `out` hold the same whole number of its blocks.
/// Source: ggml-quants.c, dequantize_row_*.
bool dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace zofo::checkpoint
