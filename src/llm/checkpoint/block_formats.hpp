/// @file Conversions between floats and the blocks of ggml's storage types (ggml-common.h). All functions
/// convert `count` blocks, of any alignment; sizes and ranges are checked by dequantize() and quantize().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "zofo/checkpoint/dequantize.hpp"

namespace zofo::checkpoint {

///@{
/// The floats that the blocks store.
void read_f32(const std::byte* blocks, std::size_t count, float* out);
void read_f64(const std::byte* blocks, std::size_t count, float* out);
void read_f16(const std::byte* blocks, std::size_t count, float* out);
void read_bf16(const std::byte* blocks, std::size_t count, float* out);
void read_q4_0(const std::byte* blocks, std::size_t count, float* out);
void read_q4_1(const std::byte* blocks, std::size_t count, float* out);
void read_q5_0(const std::byte* blocks, std::size_t count, float* out);
void read_q5_1(const std::byte* blocks, std::size_t count, float* out);
void read_q8_0(const std::byte* blocks, std::size_t count, float* out);
void read_q2_k(const std::byte* blocks, std::size_t count, float* out);
void read_q3_k(const std::byte* blocks, std::size_t count, float* out);
void read_q4_k(const std::byte* blocks, std::size_t count, float* out);
void read_q5_k(const std::byte* blocks, std::size_t count, float* out);
void read_q6_k(const std::byte* blocks, std::size_t count, float* out);
void read_q8_k(const std::byte* blocks, std::size_t count, float* out);
void read_iq4_nl(const std::byte* blocks, std::size_t count, float* out);
void read_iq4_xs(const std::byte* blocks, std::size_t count, float* out);
void read_mxfp4(const std::byte* blocks, std::size_t count, float* out);
///@}

///@{
/// The blocks that store finite floats.
void write_f32(const float* values, std::size_t count, std::byte* blocks);
void write_f16(const float* values, std::size_t count, std::byte* blocks);
void write_bf16(const float* values, std::size_t count, std::byte* blocks);
void write_q4_0(const float* values, std::size_t count, std::byte* blocks);
void write_q5_0(const float* values, std::size_t count, std::byte* blocks);
void write_q8_0(const float* values, std::size_t count, std::byte* blocks);
void write_q4_k(const float* values, std::size_t count, std::byte* blocks);
void write_q5_k(const float* values, std::size_t count, std::byte* blocks);
void write_q6_k(const float* values, std::size_t count, std::byte* blocks);
///@}

/// Numbers in a block of the K types and of IQ4_XS.
inline constexpr std::uint32_t super_block = 256;

/// The bytes of a block that is read.
using StoredBytes = const std::uint8_t*;
/// The bytes of a block that is written.
using NewBytes = std::uint8_t*;

/// A number at an address of any alignment.
template <class T>
T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

/// The half at an address.
inline float load_half(const std::uint8_t* from) { return half_to_float(load<std::uint16_t>(from)); }

/// Calls one(block, values) for each of `count` blocks.
template <std::size_t block_values, std::size_t block_bytes, class One>
void read_blocks(const std::byte* blocks, std::size_t count, float* out, One one) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(blocks);
  for (std::size_t i = 0; i < count; ++i) one(bytes + i * block_bytes, out + i * block_values);
}

/// Calls one(values, block) for each of `count` blocks.
template <std::size_t block_values, std::size_t block_bytes, class One>
void write_blocks(const float* values, std::size_t count, std::byte* blocks, One one) {
  auto* bytes = reinterpret_cast<std::uint8_t*>(blocks);
  for (std::size_t i = 0; i < count; ++i) one(values + i * block_values, bytes + i * block_bytes);
}

/// The 6-bit scale and minimum of sub-block j of Q4_K and Q5_K. Of their 12 bytes the first 8 have the four
/// scales and four minima of sub-blocks 0 to 3 in their low 6 bits, and the high 2 bits of those of
/// sub-blocks 4 to 7; the last 4 have the low 4 bits of the latter.
struct ScaleMin {
  std::uint8_t scale;
  std::uint8_t minimum;
};

/// Sub-block j of 8.
inline ScaleMin load_scale_min(const std::uint8_t* packed, unsigned j) {
  if (j < 4)
    return {static_cast<std::uint8_t>(packed[j] & 63U), static_cast<std::uint8_t>(packed[j + 4] & 63U)};
  return {static_cast<std::uint8_t>((packed[j + 4] & 15U) | (packed[j - 4] >> 6U) << 4U),
          static_cast<std::uint8_t>((packed[j + 4] >> 4U) | (packed[j] >> 6U) << 4U)};
}

/// The inverse; the 12 bytes are zero before sub-block 0 is stored.
inline void store_scale_min(std::uint8_t* packed, unsigned j, ScaleMin value) {
  const auto put = [](std::uint8_t& byte, unsigned bits) { byte = static_cast<std::uint8_t>(byte | bits); };
  if (j < 4) {
    put(packed[j], value.scale);
    put(packed[j + 4], value.minimum);
    return;
  }
  put(packed[j + 4], (value.scale & 15U) | (value.minimum & 15U) << 4U);
  put(packed[j - 4], (value.scale >> 4U) << 6U);
  put(packed[j], (value.minimum >> 4U) << 6U);
}

}  // namespace zofo::checkpoint
