// Golden values come from the Python package `gguf` (tests/golden/generators/dequantize.py).
#include "zofo/checkpoint/dequantize.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

namespace {

const std::filesystem::path golden_folder = std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden";

// ggml has numbered 43 types.
constexpr std::uint32_t type_count = 43;

GgmlType type_of(const std::string& name) {
  for (std::uint32_t i = 0; i < type_count; ++i)
    if (find_format(static_cast<GgmlType>(i))->name == name) return static_cast<GgmlType>(i);
  throw std::out_of_range(name);
}

std::size_t readable_count() {
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < type_count; ++i)
    count += find_format(static_cast<GgmlType>(i))->read != nullptr ? 1 : 0;
  return count;
}

std::vector<std::byte> from_hex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<std::uint32_t> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::uint32_t> result;
  for (std::uint32_t word = 0; in >> std::hex >> word;) result.push_back(word);
  return result;
}

}  // namespace

TEST_CASE("dequantised values equal the gguf package's bit for bit", "[checkpoint]") {
  std::ifstream in(golden_folder / "dequantize.txt");
  std::size_t seen = 0;
  for (std::string name, hex, floats;
       std::getline(in, name) && std::getline(in, hex) && std::getline(in, floats); ++seen) {
    INFO(name);
    const std::vector<std::uint32_t> expected = words(floats);
    std::vector<float> out(expected.size());
    dequantize(type_of(name), from_hex(hex), out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      INFO(i);
      REQUIRE(std::bit_cast<std::uint32_t>(out[i]) == expected[i]);
    }
  }
  REQUIRE(seen == readable_count());
}

TEST_CASE("dequantising many blocks equals dequantising each one", "[checkpoint]") {
  constexpr std::size_t blocks = 5000;  // several chunks and a remainder
  std::vector<std::byte> bytes(blocks * 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i % 251 & 0x7F);
  std::vector<float> all(blocks * 32), one(32);
  dequantize(GgmlType::Q4_1, bytes, all);
  for (std::size_t b = 0; b < blocks; ++b) {
    dequantize(GgmlType::Q4_1, std::span(bytes).subspan(b * 20, 20), one);
    const bool same = std::memcmp(one.data(), all.data() + b * 32, 32 * sizeof(float)) == 0;
    if (!same) FAIL("block " << b);
  }
}

TEST_CASE("every half converts to the value of its formula", "[checkpoint]") {
  std::size_t wrong = 0;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int fraction = static_cast<int>(bits & 1023);
    const float got = half_to_float(static_cast<std::uint16_t>(bits));
    double magnitude =
        std::ldexp(exponent == 0 ? fraction : 1024 + fraction, (exponent == 0 ? 1 : exponent) - 25);
    if (exponent == 31) magnitude = INFINITY;
    const bool nan = exponent == 31 && fraction != 0;
    const bool right = nan ? std::isnan(got) : std::abs(static_cast<double>(got)) == magnitude;
    if (!right || std::signbit(got) != (bits >> 15 == 1)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("sizes that do not match and unknown types throw", "[checkpoint]") {
  const std::vector<std::byte> bytes(36);
  std::vector<float> out(64);
  CHECK_NOTHROW(dequantize(GgmlType::Q4_0, bytes, out));
  CHECK_THROWS_AS(dequantize(GgmlType::Q4_0, std::span(bytes).first(35), out), zofo::Error);
  CHECK_THROWS_AS(dequantize(GgmlType::Q4_0, bytes, std::span(out).first(63)), zofo::Error);
  CHECK_THROWS_AS(dequantize(GgmlType::Q4_0, bytes, std::span(out).first(32)), zofo::Error);
  CHECK_THROWS_AS(dequantize(static_cast<GgmlType>(9), bytes, out), zofo::Error);
  CHECK_NOTHROW(dequantize(GgmlType::F32, {}, {}));
}

TEST_CASE("types that cannot be read are refused by their names", "[checkpoint]") {
  std::vector<float> out(1);
  const auto refusal = [&](std::uint32_t type) -> std::string {
    try {
      dequantize(static_cast<GgmlType>(type), {}, out);
    } catch (const zofo::Error& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  const std::string allowed =
      "must be one of F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K, IQ4_NL, "
      "IQ4_XS, F64, BF16, MXFP4";
  CHECK(refusal(16) == "dequantize: type IQ2_XXS: " + allowed);
  CHECK(refusal(26) == "dequantize: type I32: " + allowed);
  CHECK(refusal(31) == "dequantize: type Q4_0_4_4: " + allowed);
  CHECK(refusal(34) == "dequantize: type TQ1_0: " + allowed);
  CHECK(refusal(42) == "dequantize: type Q2_0: " + allowed);
  CHECK(refusal(43) == "dequantize: type 43 (not one of ggml's): " + allowed);
}
