/// @file ggml's storage types and their conversion to float.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace zofo::checkpoint {

static_assert(std::endian::native == std::endian::little, "GGUF is read on little-endian machines only");

/// Storage types that can be read; the values are ggml's (ggml.h, enum ggml_type).
enum class GgmlType : std::uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  BF16 = 30
};

/// The block of a storage type.
struct BlockLayout {
  std::string_view name;     ///< of the type, as ggml spells it
  std::uint32_t values = 1;  ///< numbers in a block
  std::uint32_t bytes = 1;   ///< size of a block
};

/// Names of the types that block_layout knows, for messages.
inline constexpr std::string_view supported_types = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0";

/// Layout of a type (ggml-common.h); empty for a type that cannot be read.
std::optional<BlockLayout> block_layout(GgmlType type);

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

/// Writes the floats that `bytes` stores, in parallel under OpenMP. Throws Error unless `type` is supported
/// and `bytes` and `out` hold the same whole number of its blocks. Source: ggml-quants.c, dequantize_row_*.
void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace zofo::checkpoint
