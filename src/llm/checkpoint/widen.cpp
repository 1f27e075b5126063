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

void widen_double(std::span<const std::byte> bytes, std::span<float> out) {
  widen<double>(bytes, out, [](double value) { return static_cast<float>(value); });
}

// The bits are those of a half whose exponent has another bias, by 8. Only 7F and FF are NaN.
void widen_e4m3(std::span<const std::byte> bytes, std::span<float> out) {
  widen<std::uint8_t>(bytes, out, [](std::uint8_t bits) {
    const std::uint32_t magnitude = bits & 0x7FU, sign = bits & 0x80U;
    const std::uint32_t half = magnitude == 0x7FU ? 0x7E00U : magnitude << 7U;
    return 0x1p8F * half_to_float(static_cast<std::uint16_t>(sign << 8U | half));
  });
}

void widen_e5m2(std::span<const std::byte> bytes, std::span<float> out) {
  widen<std::uint8_t>(
      bytes, out, [](std::uint8_t bits) { return half_to_float(static_cast<std::uint16_t>(bits << 8U)); });
}

void narrow_bfloat16(std::span<const float> values, std::span<std::byte> bytes) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = float_to_bfloat16(values[i]);
    std::memcpy(bytes.data() + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace zofo::checkpoint
