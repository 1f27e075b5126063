/// @file ggml's storage types and their conversion to float.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

static_assert(std::endian::native == std::endian::little, "GGUF is read on little-endian machines only");

/// Storage types that can be read; the values are ggml's own (ggml.h, enum ggml_type).
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

/// A storage type as blocks: `values` numbers in `bytes` bytes.
struct BlockLayout {
  std::string_view name;
  std::uint32_t values = 1;
  std::uint32_t bytes = 1;
};

/// Names of the types that block_layout knows, for messages.
inline constexpr std::string_view supported_types = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0";

/// Layout of a type (ggml-common.h); nothing for a type that cannot be read.
inline std::optional<BlockLayout> block_layout(GgmlType type) {
  switch (type) {
    case GgmlType::F32:
      return BlockLayout{"F32", 1, 4};
    case GgmlType::F16:
      return BlockLayout{"F16", 1, 2};
    case GgmlType::BF16:
      return BlockLayout{"BF16", 1, 2};
    case GgmlType::Q4_0:
      return BlockLayout{"Q4_0", 32, 18};
    case GgmlType::Q4_1:
      return BlockLayout{"Q4_1", 32, 20};
    case GgmlType::Q5_0:
      return BlockLayout{"Q5_0", 32, 22};
    case GgmlType::Q5_1:
      return BlockLayout{"Q5_1", 32, 24};
    case GgmlType::Q8_0:
      return BlockLayout{"Q8_0", 32, 34};
  }
  return std::nullopt;
}

/// IEEE half to float, exact for every input, subnormals, infinities and NaN included. Without a branch: the
/// exponent is moved to float's place and its bias mended by a product, which is exact and also turns
/// subnormals right; infinities and NaN get float's largest exponent.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t magnitude = (half & 0x7FFFU) << 13U;
  const std::uint32_t finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  const std::uint32_t special = magnitude | 0x7F800000U;
  return std::bit_cast<float>(sign | (magnitude >= 0x0F800000U ? special : finite));
}

/// bfloat16 to float, exact.
inline float bfloat16_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

namespace detail {

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));  // blocks are not aligned
  return value;
}

inline float load_half(const std::byte* from) { return half_to_float(load<std::uint16_t>(from)); }

/// d·q of 32 signed bytes.
inline void dequantize_q8(const std::byte* block, float* out) {
  const float scale = load_half(block);
  for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(load<std::int8_t>(block + 2 + i));
}

/// d·(q − zero) + m: value i < 16 sits in the low nibble of byte i, value i + 16 in its high nibble; `fifth`
/// holds bit 4 of value i in its bit i. d·q is exact in a float (11 + 5 bits), so an FMA changes nothing.
inline void dequantize_nibbles(const std::byte* nibbles, std::uint32_t fifth, float scale, int zero,
                               float minimum, float* out) {
  for (unsigned i = 0; i < 16; ++i) {
    const auto byte = std::to_integer<unsigned>(nibbles[i]);
    const unsigned low = (byte & 0xFu) | ((fifth >> i) & 1u) << 4;
    const unsigned high = byte >> 4 | ((fifth >> (i + 16)) & 1u) << 4;
    out[i] = scale * static_cast<float>(static_cast<int>(low) - zero) + minimum;
    out[i + 16] = scale * static_cast<float>(static_cast<int>(high) - zero) + minimum;
  }
}

/// One block of any type.
inline void dequantize_block(GgmlType type, const std::byte* block, float* out) {
  // −0 is the neutral element of addition: with +0 a product −0 would lose its sign.
  constexpr float none = -0.0f;
  switch (type) {
    case GgmlType::F32:
      *out = load<float>(block);
      return;
    case GgmlType::F16:
      *out = load_half(block);
      return;
    case GgmlType::BF16:
      *out = bfloat16_to_float(load<std::uint16_t>(block));
      return;
    case GgmlType::Q4_0:
      return dequantize_nibbles(block + 2, 0, load_half(block), 8, none, out);
    case GgmlType::Q4_1:
      return dequantize_nibbles(block + 4, 0, load_half(block), 0, load_half(block + 2), out);
    case GgmlType::Q5_0:
      return dequantize_nibbles(block + 6, load<std::uint32_t>(block + 2), load_half(block), 16, none, out);
    case GgmlType::Q5_1:
      return dequantize_nibbles(block + 8, load<std::uint32_t>(block + 4), load_half(block), 0,
                                load_half(block + 2), out);
    case GgmlType::Q8_0:
      return dequantize_q8(block, out);
  }
}

}  // namespace detail

/// Writes the floats that `bytes` stores; in parallel under OpenMP. Throws Error unless `bytes` and `out`
/// hold the same whole number of blocks of a supported type. Source: ggml-quants.c, dequantize_row_*.
inline void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
  const auto layout = block_layout(type);
  require(layout.has_value(), "ggml type {}: must be one of {}", static_cast<std::uint32_t>(type),
          supported_types);
  const std::size_t blocks = bytes.size() / layout->bytes;
  require(bytes.size() % layout->bytes == 0 && out.size() % layout->values == 0 &&
              out.size() / layout->values == blocks,
          "{}: {} bytes do not hold {} values ({} values take {} bytes)", layout->name, bytes.size(),
          out.size(), layout->values, layout->bytes);
  if (type == GgmlType::F32) {
    if (blocks > 0) std::memcpy(out.data(), bytes.data(), bytes.size());
    return;
  }
  constexpr std::size_t chunk = 2048;  // blocks of one task: enough work to pay for handing it to a thread
  const auto chunks = static_cast<std::ptrdiff_t>((blocks + chunk - 1) / chunk);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (chunks > 1)
#endif
  for (std::ptrdiff_t c = 0; c < chunks; ++c) {
    const std::size_t first = static_cast<std::size_t>(c) * chunk;
    const std::size_t last = std::min(first + chunk, blocks);
    for (std::size_t b = first; b < last; ++b)
      detail::dequantize_block(type, bytes.data() + b * layout->bytes, out.data() + b * layout->values);
  }
}

}  // namespace zofo::checkpoint
