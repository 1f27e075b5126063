#include "zofo/checkpoint/dequantize.hpp"

#include <algorithm>
#include <cstring>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));  // blocks are not aligned
  return value;
}

float load_half(const std::byte* from) { return half_to_float(load<std::uint16_t>(from)); }

// d·q of 32 signed bytes.
void dequantize_q8(const std::byte* block, float* out) {
  const float scale = load_half(block);
  for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(load<std::int8_t>(block + 2 + i));
}

// d·(q − zero) + m. Value i < 16 is the low nibble of byte i, value i + 16 its high nibble; bit i of `fifth`
// is bit 4 of value i. d·q is exact in a float (11 + 5 bits), so an FMA changes nothing.
void dequantize_nibbles(const std::byte* nibbles, std::uint32_t fifth, float scale, int zero, float minimum,
                        float* out) {
  for (unsigned i = 0; i < 16; ++i) {
    const auto byte = std::to_integer<unsigned>(nibbles[i]);
    const unsigned low = (byte & 0xFu) | ((fifth >> i) & 1u) << 4;
    const unsigned high = byte >> 4 | ((fifth >> (i + 16)) & 1u) << 4;
    out[i] = scale * static_cast<float>(static_cast<int>(low) - zero) + minimum;
    out[i + 16] = scale * static_cast<float>(static_cast<int>(high) - zero) + minimum;
  }
}

// One block of any type.
void dequantize_block(GgmlType type, const std::byte* block, float* out) {
  // −0 is the neutral element of addition: adding +0 would change a product −0 to +0.
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

}  // namespace

std::optional<BlockLayout> block_layout(GgmlType type) {
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

void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
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
  constexpr std::size_t chunk =
      2048;  // blocks of one parallel task: its work must exceed the cost of a thread
  const auto chunks = static_cast<std::ptrdiff_t>((blocks + chunk - 1) / chunk);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (chunks > 1)
#endif
  for (std::ptrdiff_t c = 0; c < chunks; ++c) {
    const std::size_t first = static_cast<std::size_t>(c) * chunk;
    const std::size_t last = std::min(first + chunk, blocks);
    for (std::size_t b = first; b < last; ++b)
      dequantize_block(type, bytes.data() + b * layout->bytes, out.data() + b * layout->values);
  }
}

}  // namespace zofo::checkpoint
