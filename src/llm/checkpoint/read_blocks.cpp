// Floats, and blocks of 32 numbers.
#include <array>
#include <bit>
#include <span>

#include "block_formats.hpp"
#include "code_values.hpp"
#include "zofo/checkpoint/widen.hpp"

namespace zofo::checkpoint {

namespace {

// d·(q − zero) + m. Value i < 16 is the low nibble of byte i, value i + 16 its high nibble; bit i of `fifth`
// is bit 4 of value i. d·q is exact in a float (11 + 5 bits), so an FMA changes nothing.
void read_nibbles(StoredBytes nibbles, std::uint32_t fifth, float scale, int zero, float minimum,
                  float* __restrict out) {
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned low = (nibbles[i] & 15U) | ((fifth >> i) & 1U) << 4U;
    const unsigned high = static_cast<unsigned>(nibbles[i] >> 4U) | ((fifth >> (i + 16U)) & 1U) << 4U;
    out[i] = scale * static_cast<float>(static_cast<int>(low) - zero) + minimum;
    out[i + 16] = scale * static_cast<float>(static_cast<int>(high) - zero) + minimum;
  }
}

// −0 is the neutral element of addition: adding +0 would change a product −0 to +0.
constexpr float no_minimum = -0.0F;

// The power of two of an OCP MX scale, halved since code_values.hpp has doubled values: 2^(e − 128).
float half_of_e8m0(std::uint8_t e) {
  return std::bit_cast<float>(e < 2 ? 0x00200000U << e : static_cast<std::uint32_t>(e - 1) << 23U);
}

std::span<const std::byte> bytes_of(const std::byte* blocks, std::size_t count, std::size_t size) {
  return {blocks, count * size};
}

}  // namespace

void read_f32(const std::byte* blocks, std::size_t count, float* out) {
  widen_float(bytes_of(blocks, count, 4), {out, count});
}
void read_f64(const std::byte* blocks, std::size_t count, float* out) {
  widen_double(bytes_of(blocks, count, 8), {out, count});
}
void read_f16(const std::byte* blocks, std::size_t count, float* out) {
  widen_half(bytes_of(blocks, count, 2), {out, count});
}
void read_bf16(const std::byte* blocks, std::size_t count, float* out) {
  widen_bfloat16(bytes_of(blocks, count, 2), {out, count});
}

void read_q4_0(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<32, 18>(blocks, count, out, [](StoredBytes block, float* to) {
    read_nibbles(block + 2, 0, load_half(block), 8, no_minimum, to);
  });
}

void read_q4_1(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<32, 20>(blocks, count, out, [](StoredBytes block, float* to) {
    read_nibbles(block + 4, 0, load_half(block), 0, load_half(block + 2), to);
  });
}

void read_q5_0(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<32, 22>(blocks, count, out, [](StoredBytes block, float* to) {
    read_nibbles(block + 6, load<std::uint32_t>(block + 2), load_half(block), 16, no_minimum, to);
  });
}

void read_q5_1(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<32, 24>(blocks, count, out, [](StoredBytes block, float* to) {
    read_nibbles(block + 8, load<std::uint32_t>(block + 4), load_half(block), 0, load_half(block + 2), to);
  });
}

// d·q of 32 signed bytes.
void read_q8_0(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<32, 34>(blocks, count, out, [](StoredBytes block, float* __restrict to) {
    const float scale = load_half(block);
    for (unsigned i = 0; i < 32; ++i)
      to[i] = scale * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
  });
}

void read_iq4_nl(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<32, 18>(blocks, count, out, [](StoredBytes block, float* to) {
    read_codes(block + 2, iq4_values, load_half(block), to);
  });
}

void read_mxfp4(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<32, 17>(blocks, count, out, [](StoredBytes block, float* to) {
    read_codes(block + 1, fp4_values, half_of_e8m0(block[0]), to);
  });
}

}  // namespace zofo::checkpoint
