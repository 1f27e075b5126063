// Floats stored as halves and in blocks: every half, rounding at ties, and the errors and bytes of ggml's own
// quantisation (tests/golden/generators/quantize.py).
#include "zofo/checkpoint/quantize.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

namespace {

// The generator's random numbers and weights.
class GoldenRandom {
 public:
  double uniform() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<double>(state_ >> 40U) / 0x1p24;
  }
  double normal() {
    double sum = 0.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum - 6.0;
  }

 private:
  std::uint64_t state_ = 1;
};

std::vector<float> golden_weights(const std::string& kind) {
  GoldenRandom random;
  std::vector<float> values;
  for (int row = 0; row < 16; ++row) {
    const double size = random.uniform();
    for (int column = 0; column < 256; ++column) {
      double x = kind == "uniform" || kind == "positive" ? random.uniform() : random.normal();
      if (kind == "uniform") x = (x - 0.5) * 0.125;
      if (kind == "normal") x = x * 0.02;
      if (kind == "heavy") x = x * x * x * 0.01;
      if (kind == "channels") x = x * size * (column % 61 == 7 ? 0.25 : 0.03125);
      values.push_back(static_cast<float>(x));
    }
  }
  return values;
}

std::uint64_t fnv_of(const std::vector<std::byte>& bytes) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const std::byte byte : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3U;
  return hash;
}

double root_mean_square(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += off * off;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace

TEST_CASE("weights are quantised as well as by ggml", "[checkpoint]") {
  const std::map<std::string, GgmlType> types{{"Q4_0", GgmlType::Q4_0}, {"Q5_0", GgmlType::Q5_0},
                                              {"Q8_0", GgmlType::Q8_0}, {"Q4_K", GgmlType::Q4_K},
                                              {"Q5_K", GgmlType::Q5_K}, {"Q6_K", GgmlType::Q6_K}};
  std::ifstream in(std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden/quantize.txt");
  std::string name, kind, hash;
  double error = 0.0;
  std::size_t seen = 0;
  for (; in >> name >> kind >> error >> hash; ++seen) {
    INFO(name << " " << kind);
    const std::vector<float> values = golden_weights(kind);
    const std::vector<std::byte> bytes = quantize(types.at(name), values);
    if (name.ends_with("_0")) CHECK(fnv_of(bytes) == std::stoull(hash, nullptr, 16));
    std::vector<float> again(values.size());
    dequantize(types.at(name), bytes, again);
    CHECK(root_mean_square(values, again) <= 1.02 * error);
  }
  CHECK(seen == 5 * types.size());
}

// Where a block's numbers are few enough, every one of them is a multiple of the scales.
TEST_CASE("numbers of zero and of one magnitude are stored exactly", "[checkpoint]") {
  for (const GgmlType type :
       {GgmlType::Q4_0, GgmlType::Q5_0, GgmlType::Q8_0, GgmlType::Q4_K, GgmlType::Q5_K, GgmlType::Q6_K}) {
    INFO(find_format(type)->name);
    for (const float size : {0.0F, 0.5F, -0.5F, 1e-38F, -1e-38F}) {
      const std::vector<float> values(512, size);
      std::vector<float> again(values.size());
      dequantize(type, quantize(type, values), again);
      const bool tiny = std::abs(size) < 1e-30F;
      for (const float value : again) REQUIRE(std::abs(value - size) <= (tiny ? 1e-38F : 4e-3F));
    }
    const std::vector<float> large(512, find_format(type)->largest);
    std::vector<float> again(large.size());
    dequantize(type, quantize(type, large), again);
    for (const float value : again) REQUIRE(std::abs(value / large[0] - 1.0F) < 0.15F);
  }
}

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
  CHECK_THROWS_AS(quantize(GgmlType::Q4_1, values), zofo::Error);
  CHECK_THROWS_AS(quantize(GgmlType::F16, values), zofo::Error);
  values.assign(32, NAN);
  CHECK_THROWS_AS(quantize(GgmlType::Q4_0, values), zofo::Error);
  CHECK_NOTHROW(quantize(GgmlType::F32, values));
  values.assign(32, 1e-44F);  // the inverse of this scale is infinite
  std::vector<float> again(32);
  dequantize(GgmlType::Q8_0, quantize(GgmlType::Q8_0, values), again);
  CHECK(again == std::vector<float>(32, 0.0F));
}
