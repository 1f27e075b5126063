// Super-blocks of 256 numbers: scales of sub-blocks by fit_scale.hpp, which are then rounded to multiples of
// the super-block's half, and the numbers to multiples of those.
#include <algorithm>
#include <array>
#include <cmath>

#include "block_formats.hpp"
#include "fit_scale.hpp"
#include "zofo/checkpoint/quantize.hpp"

namespace zofo::checkpoint {

namespace {

using Numbers = std::array<std::uint8_t, super_block>;

// Stores a half of at most its largest finite value; returns the value that was stored.
float put_half(NewBytes to, float value) {
  const std::uint16_t half = float_to_half(std::clamp(value, -65504.0F, 65504.0F));
  std::memcpy(to, &half, sizeof half);
  return half_to_float(half);
}

// value/unit as a whole number up to `most`; `unit` was rounded, and may be 0.
float multiple(float value, float unit, float most) { return steps_of(value, unit, 0.0F, most); }

// The first 16 bytes of Q4_K and Q5_K, and the numbers, which have `bits` bits.
template <unsigned bits>
void write_scale_min_block(const float* values, NewBytes block, Numbers& numbers) {
  constexpr float most = (1U << bits) - 1.0F, most_scale = 63.0F;
  constexpr float first_steps = bits == 4 ? 14.0F : 30.5F;  // ggml's choices
  constexpr int tries = bits == 4 ? 21 : 16;
  std::array<ScaleAndMinimum, 8> fits;
  float largest = 0.0F, lowest = 0.0F;
  for (unsigned j = 0; j < 8; ++j) {
    fits[j] = fit_scale_and_minimum(values + std::size_t{j} * 32, most, first_steps, tries);
    largest = std::max(largest, fits[j].scale);
    lowest = std::max(lowest, fits[j].minimum);
  }
  const float exact_d = largest / most_scale, exact_minimum = lowest / most_scale;
  const float d = put_half(block, exact_d), d_minimum = put_half(block + 2, exact_minimum);
  std::fill(block + 4, block + 16, std::uint8_t{0});
  for (unsigned j = 0; j < 8; ++j) {
    const float scale = multiple(fits[j].scale, exact_d, most_scale);
    const float minimum = multiple(fits[j].minimum, exact_minimum, most_scale);
    store_scale_min(block + 4, j, {static_cast<std::uint8_t>(scale), static_cast<std::uint8_t>(minimum)});
    for (unsigned i = j * 32; i < (j + 1) * 32; ++i)
      numbers[i] =
          static_cast<std::uint8_t>(steps_of(values[i] + d_minimum * minimum, d * scale, 0.0F, most));
  }
}

// Low 4 bits: those of sub-block 2k in the low nibbles of 32 bytes, of 2k + 1 in their high nibbles.
void write_low_bits(const Numbers& numbers, NewBytes nibbles) {
  for (unsigned k = 0; k < 4; ++k)
    for (unsigned i = 0; i < 32; ++i)
      nibbles[k * 32 + i] =
          static_cast<std::uint8_t>((numbers[k * 64 + i] & 15U) | (numbers[k * 64 + 32 + i] & 15U) << 4U);
}

// The order of bits of read_q6_k().
void write_six_bits(const Numbers& numbers, NewBytes low, NewBytes high) {
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned i = 0; i < 32; ++i) {
      const std::uint8_t* const q = numbers.data() + std::size_t{half} * 128 + i;
      low[half * 64 + i] = static_cast<std::uint8_t>((q[0] & 15U) | (q[64] & 15U) << 4U);
      low[half * 64 + 32 + i] = static_cast<std::uint8_t>((q[32] & 15U) | (q[96] & 15U) << 4U);
      high[half * 32 + i] = static_cast<std::uint8_t>((q[0] >> 4U) | (q[32] >> 4U) << 2U |
                                                      (q[64] >> 4U) << 4U | (q[96] >> 4U) << 6U);
    }
}

void write_q6_k_block(const float* values, NewBytes block) {
  std::array<float, 16> scales;
  float largest = 0.0F;
  for (unsigned j = 0; j < 16; ++j) {
    scales[j] = fit_scale(values + std::size_t{j} * 16);
    if (std::abs(scales[j]) > std::abs(largest)) largest = scales[j];
  }
  const float exact_d = largest / -128.0F;  // so that the largest scale is −128 times the unit
  const float d = put_half(block + 208, exact_d);
  Numbers numbers;
  for (unsigned j = 0; j < 16; ++j) {
    const float scale = steps_of(scales[j], exact_d, -128.0F, 127.0F);
    block[192 + j] = static_cast<std::uint8_t>(static_cast<std::int8_t>(scale));
    for (unsigned i = j * 16; i < (j + 1) * 16; ++i)
      numbers[i] = static_cast<std::uint8_t>(steps_of(values[i], d * scale, -32.0F, 31.0F) + 32.0F);
  }
  write_six_bits(numbers, block, block + 128);
}

}  // namespace

void write_q4_k(const float* values, std::size_t count, std::byte* blocks) {
  write_blocks<super_block, 144>(values, count, blocks, [](const float* from, NewBytes block) {
    Numbers numbers;
    write_scale_min_block<4>(from, block, numbers);
    write_low_bits(numbers, block + 16);
  });
}

void write_q5_k(const float* values, std::size_t count, std::byte* blocks) {
  write_blocks<super_block, 176>(values, count, blocks, [](const float* from, NewBytes block) {
    Numbers numbers;
    write_scale_min_block<5>(from, block, numbers);
    write_low_bits(numbers, block + 48);
    for (unsigned i = 0; i < 32; ++i) {
      unsigned fifth = 0;
      for (unsigned j = 0; j < 8; ++j) fifth |= static_cast<unsigned>(numbers[j * 32 + i] >> 4U) << j;
      block[16 + i] = static_cast<std::uint8_t>(fifth);
    }
  });
}

void write_q6_k(const float* values, std::size_t count, std::byte* blocks) {
  write_blocks<super_block, 210>(values, count, blocks, write_q6_k_block);
}

}  // namespace zofo::checkpoint
