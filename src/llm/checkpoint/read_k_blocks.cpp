// Super-blocks of 256 numbers. A sub-block's scale is a small whole number times the super-block's half, and
// every product below is exact in a float until the last operation, so an FMA changes nothing.
#include "block_formats.hpp"
#include "code_values.hpp"

namespace zofo::checkpoint {

namespace {

// Sub-blocks of 16 numbers of Q2_K and Q3_K: where the 2-bit numbers of sub-block j are.
struct TwoBits {
  unsigned first;  // byte
  unsigned shift;
};
constexpr TwoBits two_bits(unsigned j) { return {j / 8 * 32 + j % 2 * 16, j % 8 / 2 * 2}; }

// Scale of sub-block j of Q3_K, in [−32, 31]: 4 low bits in 8 bytes, 2 high bits in the next 4.
int q3_scale(StoredBytes packed, unsigned j) {
  const unsigned low = j < 8 ? packed[j] & 15U : packed[j - 8] >> 4U;
  const unsigned high = (static_cast<unsigned>(packed[8 + j % 4]) >> (j / 4 * 2)) & 3U;
  return static_cast<int>(low | high << 4U) - 32;
}

// Q4_K and Q5_K: d·q − m of 8 sub-blocks of 32 numbers, whose low 4 bits are in `nibbles`. `fifth` has bit 4
// of number i of sub-block j as bit j of byte i.
template <bool five>
void read_scale_min_block(StoredBytes block, StoredBytes fifth, StoredBytes nibbles, float* __restrict out) {
  const float d = load_half(block), d_minimum = load_half(block + 2);
  for (unsigned j = 0; j < 8; ++j) {
    const ScaleMin packed = load_scale_min(block + 4, j);
    const float scale = d * static_cast<float>(packed.scale);
    const float minimum = d_minimum * static_cast<float>(packed.minimum);
    const std::uint8_t* const low = nibbles + j / 2 * 32;
    const unsigned shift = j % 2 * 4;
    for (unsigned i = 0; i < 32; ++i) {
      unsigned q = (static_cast<unsigned>(low[i]) >> shift) & 15U;
      if constexpr (five) q |= ((static_cast<unsigned>(fifth[i]) >> j) & 1U) << 4U;
      out[j * 32 + i] = scale * static_cast<float>(static_cast<int>(q)) - minimum;
    }
  }
}

}  // namespace

void read_q2_k(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<super_block, 84>(blocks, count, out, [](StoredBytes block, float* __restrict to) {
    const float d = load_half(block + 80), d_minimum = load_half(block + 82);
    for (unsigned j = 0; j < 16; ++j) {
      const float scale = d * static_cast<float>(block[j] & 15U);
      const float minimum = d_minimum * static_cast<float>(block[j] >> 4U);
      const auto [first, shift] = two_bits(j);
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned q = (static_cast<unsigned>(block[16 + first + i]) >> shift) & 3U;
        to[j * 16 + i] = scale * static_cast<float>(static_cast<int>(q)) - minimum;
      }
    }
  });
}

// The third bit is stored inverted: where it is 0, 4 is subtracted.
void read_q3_k(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<super_block, 110>(blocks, count, out, [](StoredBytes block, float* __restrict to) {
    const float d = load_half(block + 108);
    for (unsigned j = 0; j < 16; ++j) {
      const float scale = d * static_cast<float>(q3_scale(block + 96, j));
      const auto [first, shift] = two_bits(j);
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned low = (static_cast<unsigned>(block[32 + first + i]) >> shift) & 3U;
        const unsigned high = (static_cast<unsigned>(block[j % 2 * 16 + i]) >> (j / 2)) & 1U;
        to[j * 16 + i] = scale * static_cast<float>(static_cast<int>(low | high << 2U) - 4);
      }
    }
  });
}

void read_q4_k(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<super_block, 144>(blocks, count, out, [](StoredBytes block, float* to) {
    read_scale_min_block<false>(block, nullptr, block + 16, to);
  });
}

void read_q5_k(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<super_block, 176>(blocks, count, out, [](StoredBytes block, float* to) {
    read_scale_min_block<true>(block, block + 16, block + 48, to);
  });
}

// 6-bit numbers less 32: of each half of 128, group k of 32 has its low bits in nibble k / 2 of 32 bytes that
// group k % 2 shares, and its high bits in bits 2k and 2k + 1 of 32 bytes that all four groups share.
void read_q6_k(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<super_block, 210>(blocks, count, out, [](StoredBytes block, float* __restrict to) {
    const float d = load_half(block + 208);
    for (unsigned j = 0; j < 16; ++j) {
      const float scale = d * static_cast<float>(static_cast<std::int8_t>(block[192 + j]));
      const unsigned k = j % 8 / 2, half = j / 8, odd = j % 2 * 16;
      const std::uint8_t* const low = block + half * 64 + k % 2 * 32 + odd;
      const std::uint8_t* const high = block + 128 + half * 32 + odd;
      for (unsigned i = 0; i < 16; ++i) {
        const unsigned q = ((static_cast<unsigned>(low[i]) >> (k / 2 * 4)) & 15U) |
                           ((static_cast<unsigned>(high[i]) >> (k * 2)) & 3U) << 4U;
        to[j * 16 + i] = scale * static_cast<float>(static_cast<int>(q) - 32);
      }
    }
  });
}

// A float and 256 signed bytes, whose sums follow.
void read_q8_k(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<super_block, 292>(blocks, count, out, [](StoredBytes block, float* __restrict to) {
    const auto scale = load<float>(block);
    for (unsigned i = 0; i < super_block; ++i)
      to[i] = scale * static_cast<float>(static_cast<std::int8_t>(block[4 + i]));
  });
}

// Scales of 6 bits less 32: their high 2 bits are in one 16-bit number, their low 4 bits in nibbles.
void read_iq4_xs(const std::byte* blocks, std::size_t count, float* out) {
  read_blocks<super_block, 136>(blocks, count, out, [](StoredBytes block, float* to) {
    const float d = load_half(block);
    const unsigned high = load<std::uint16_t>(block + 2);
    for (unsigned j = 0; j < 8; ++j) {
      const unsigned low = (static_cast<unsigned>(block[4 + j / 2]) >> (j % 2 * 4)) & 15U;
      const int scale = static_cast<int>(low | ((high >> (j * 2)) & 3U) << 4U) - 32;
      read_codes(block + 8 + std::size_t{j} * 16, iq4_values, d * static_cast<float>(scale),
                 to + std::size_t{j} * 32);
    }
  });
}

}  // namespace zofo::checkpoint
