// Golden values come from the Python package `gguf` (tests/golden/generators/dequantize.py).
#include "zofo/checkpoint/dequantize.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

namespace {

const std::filesystem::path golden_folder = std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden";

const std::map<std::string, GgmlType> types{
    {"F32", GgmlType::F32},   {"F16", GgmlType::F16},   {"BF16", GgmlType::BF16}, {"Q4_0", GgmlType::Q4_0},
    {"Q4_1", GgmlType::Q4_1}, {"Q5_0", GgmlType::Q5_0}, {"Q5_1", GgmlType::Q5_1}, {"Q8_0", GgmlType::Q8_0}};

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
    dequantize(types.at(name), from_hex(hex), out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      INFO(i);
      REQUIRE(std::bit_cast<std::uint32_t>(out[i]) == expected[i]);
    }
  }
  REQUIRE(seen == types.size());
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
  CHECK_THROWS_AS(dequantize(static_cast<GgmlType>(12), bytes, out), zofo::Error);
  CHECK_NOTHROW(dequantize(GgmlType::F32, {}, {}));
}
