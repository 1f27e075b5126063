// Floats, and blocks of 32 numbers, with the roundings of ggml-quants.c, quantize_row_*_ref.
#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "block_formats.hpp"
#include "zofo/checkpoint/quantize.hpp"
#include "zofo/checkpoint/widen.hpp"

namespace zofo::checkpoint {

namespace {

void store_half(std::uint8_t* to, float value) {
  const std::uint16_t half = float_to_half(value);
  std::memcpy(to, &half, sizeof half);
}

// 1/step, or 0 where it would be infinite: steps of 0 and of subnormal size.
float inverse(float step) {
  const float result = 1.0F / step;
  return std::isfinite(result) ? result : 0.0F;
}

// The value of largest magnitude, the first of several.
float extreme(const float* values) {
  float largest = 0.0F;
  for (unsigned i = 0; i < 32; ++i)
    if (std::abs(values[i]) > std::abs(largest)) largest = values[i];
  return largest;
}

// Whole numbers q in [0, 2·zero) with value ≈ step·(q − zero). The step is that of the value of largest
// magnitude at −zero. Returns bit 4 of number i as bit i.
std::uint32_t write_nibbles(const float* values, unsigned zero, NewBytes step_at, NewBytes nibbles) {
  const float step = extreme(values) / -static_cast<float>(zero);
  store_half(step_at, step);
  const float per_step = inverse(step), rounding = static_cast<float>(zero) + 0.5F;
  const auto number = [&](float value) {
    return std::min(static_cast<unsigned>(static_cast<int>(value * per_step + rounding)), 2 * zero - 1);
  };
  std::uint32_t fifth = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned low = number(values[i]), high = number(values[i + 16]);
    nibbles[i] = static_cast<std::uint8_t>((low & 15U) | (high & 15U) << 4U);
    fifth |= (low >> 4U) << i | (high >> 4U) << (i + 16U);
  }
  return fifth;
}

}  // namespace

void write_f32(const float* values, std::size_t count, std::byte* blocks) {
  std::memcpy(blocks, values, count * sizeof(float));
}

void write_f16(const float* values, std::size_t count, std::byte* blocks) {
  write_blocks<1, 2>(values, count, blocks, [](const float* value, NewBytes to) { store_half(to, *value); });
}

void write_bf16(const float* values, std::size_t count, std::byte* blocks) {
  narrow_bfloat16({values, count}, {blocks, count * 2});
}

void write_q4_0(const float* values, std::size_t count, std::byte* blocks) {
  write_blocks<32, 18>(values, count, blocks,
                       [](const float* from, NewBytes block) { write_nibbles(from, 8, block, block + 2); });
}

void write_q5_0(const float* values, std::size_t count, std::byte* blocks) {
  write_blocks<32, 22>(values, count, blocks, [](const float* from, NewBytes block) {
    const std::uint32_t fifth = write_nibbles(from, 16, block, block + 6);
    std::memcpy(block + 2, &fifth, sizeof fifth);
  });
}

// A half d = max|x|/127 and bytes round(x/d), halves away from zero.
void write_q8_0(const float* values, std::size_t count, std::byte* blocks) {
  write_blocks<32, 34>(values, count, blocks, [](const float* from, NewBytes block) {
    const float step = std::abs(extreme(from)) / 127.0F;
    store_half(block, step);
    const float per_step = inverse(step);
    for (unsigned i = 0; i < 32; ++i) {
      const float steps = std::clamp(std::round(from[i] * per_step), -127.0F, 127.0F);
      block[2 + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(steps));
    }
  });
}

}  // namespace zofo::checkpoint
