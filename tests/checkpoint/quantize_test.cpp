// Floats stored as halves and as Q8_0: every half, rounding at ties, and ggml's own blocks.
#include "zofo/checkpoint/quantize.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

TEST_CASE("every half comes back from its float", "[checkpoint]") {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    INFO(bits);
    if (std::isnan(value))
      REQUIRE(std::isnan(half_to_float(float_to_half(value))));
    else
      REQUIRE(float_to_half(value) == half);
  }
}

// Of two adjacent halves the nearer one is chosen, at the midpoint the even one.
TEST_CASE("floats between halves go to the nearest, ties to even", "[checkpoint]") {
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const float low = half_to_float(static_cast<std::uint16_t>(bits));
    const float high = half_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2.0F;  // exact: a float has 13 more bits
    INFO(bits);
    REQUIRE(float_to_half(middle) == (bits % 2 == 0 ? bits : bits + 1));
    REQUIRE(float_to_half(std::nextafter(middle, low)) == bits);
    REQUIRE(float_to_half(std::nextafter(middle, high)) == bits + 1);
    REQUIRE(float_to_half(-middle) == (0x8000U | (bits % 2 == 0 ? bits : bits + 1)));
  }
  CHECK(float_to_half(65519.0F) == 0x7BFF);
  CHECK(float_to_half(65520.0F) == 0x7C00);
  CHECK(float_to_half(std::numeric_limits<float>::max()) == 0x7C00);
  CHECK(float_to_half(-std::numeric_limits<float>::infinity()) == 0xFC00);
}

// The block's largest value is 127 steps. Half steps are rounded away from zero, as by C's roundf.
TEST_CASE("a Q8_0 block is a half and 32 bytes", "[checkpoint]") {
  std::vector<float> values(64, 0.0F);
  values[0] = -127.0F;
  values[1] = 2.5F;
  values[2] = -2.5F;
  values[3] = 0.49F;
  const std::vector<std::byte> bytes = quantize(GgmlType::Q8_0, values);
  REQUIRE(bytes.size() == 68);
  const auto byte = [&](std::size_t i) { return static_cast<int>(static_cast<std::int8_t>(bytes[i])); };
  CHECK(byte(0) == 0);
  CHECK(byte(1) == 0x3C);  // half 1.0
  CHECK(byte(2) == -127);
  CHECK(byte(3) == 3);
  CHECK(byte(4) == -3);
  CHECK(byte(5) == 0);
  for (std::size_t i = 34; i < 68; ++i) CHECK(byte(i) == 0);
  std::vector<float> again(64);
  dequantize(GgmlType::Q8_0, bytes, again);
  CHECK(again[0] == -127.0F);
}

TEST_CASE("values and types that cannot be stored are refused", "[checkpoint]") {
  std::vector<float> values(32, 1e9F);
  CHECK_THROWS_AS(quantize(GgmlType::Q8_0, values), zofo::Error);
  CHECK_THROWS_AS(quantize(GgmlType::Q8_0, std::span(values).first(31)), zofo::Error);
  CHECK_THROWS_AS(quantize(GgmlType::Q4_0, values), zofo::Error);
  values.assign(32, 1e-44F);  // the inverse of this scale is infinite
  std::vector<float> again(32);
  dequantize(GgmlType::Q8_0, quantize(GgmlType::Q8_0, values), again);
  CHECK(again == std::vector<float>(32, 0.0F));
}
