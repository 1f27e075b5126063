#include "zofo/checkpoint/widen.hpp"

#include <cstring>

#include "zofo/checkpoint/dequantize.hpp"

namespace zofo::checkpoint {

namespace {

// out[i] = one(bits i). Single-threaded: one thread already reaches the memory bandwidth.
template <class Bits, class One>
void widen(std::span<const std::byte> bytes, std::span<float> out, One one) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    out[i] = one(bits);
  }
}

}  // namespace

void widen_half(std::span<const std::byte> bytes, std::span<float> out) {
  widen<std::uint16_t>(bytes, out, [](std::uint16_t bits) { return half_to_float(bits); });
}

void widen_bfloat16(std::span<const std::byte> bytes, std::span<float> out) {
  widen<std::uint16_t>(bytes, out, [](std::uint16_t bits) { return bfloat16_to_float(bits); });
}

void widen_float(std::span<const std::byte> bytes, std::span<float> out) {
  widen<float>(bytes, out, [](float value) { return value; });
}

void narrow_bfloat16(std::span<const float> values, std::span<std::byte> bytes) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = float_to_bfloat16(values[i]);
    std::memcpy(bytes.data() + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace zofo::checkpoint
