// Reading and writing safetensors: hand-made bytes, every half, and files that are read back bit for bit.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "safetensors_text.hpp"
#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/checkpoint/safetensors_index.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"
#include "zofo/checkpoint/widen.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

namespace {

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

}  // namespace

TEST_CASE("tensors are read at the offsets of the header", "[checkpoint]") {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]},)"
      R"("a":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]},)"
      R"("mask":{"dtype":"I64","shape":[1],"data_offsets":[18,26]},)"
      R"("h":{"dtype":"F16","shape":[],"data_offsets":[16,18]}}   )";
  const float a[] = {1.5F, -2.0F, 1e-40F};
  std::string data(reinterpret_cast<const char*>(a), sizeof a);
  data.append("\x80\x3F\x40\xC0", 4);  // bfloat16 1, -3
  data.append("\x00\x38", 2);          // half 0.5
  data.append(8, '\0');
  const std::string text = safetensors_text(header, data);
  const SafetensorsFile file(std::as_bytes(std::span(text)), "made");
  REQUIRE(file.tensors().size() == 4);
  CHECK(file.tensor("a").shape == std::vector<std::uint64_t>{1, 3});
  std::vector<float> values(3);
  file.read("a", values);
  CHECK(std::memcmp(values.data(), a, sizeof a) == 0);
  values.resize(2);
  file.read("b", values);
  CHECK(values == std::vector<float>{1.0F, -3.0F});
  values.resize(1);
  file.read("h", values);
  CHECK(values[0] == 0.5F);
  CHECK_THROWS_AS(file.read("mask", values), zofo::Error);
  CHECK_THROWS_AS(file.read("a", values), zofo::Error);
  CHECK_THROWS_AS(file.read("absent", values), zofo::Error);
}

// IEEE 754: sign, exponent e and fraction f mean ±(1 + f/1024) 2^(e - 15), ±f 2^-24 where e = 0.
TEST_CASE("every half converts to its float", "[checkpoint]") {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<float> got(all.size());
  widen_half(std::as_bytes(std::span(all)), got);
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const int exponent = static_cast<int>(half >> 10U & 31U);
    const double fraction = half & 1023U;
    const double sign = (half & 0x8000U) != 0 ? -1.0 : 1.0;
    const float value = got[half];
    INFO(half);
    REQUIRE(std::signbit(value) == (sign < 0.0));
    if (exponent == 31)
      REQUIRE((fraction == 0.0 ? std::isinf(value) : std::isnan(value)));
    else
      REQUIRE(static_cast<double>(value) ==
              sign * (exponent == 0 ? std::ldexp(fraction, -24)
                                    : std::ldexp(1.0 + fraction / 1024.0, exponent - 15)));
  }
}

// OCP 8-bit floating point, E4M3 (e - 7, f/8, no infinity) and E5M2 (e - 15, f/4).
TEST_CASE("every 8-bit float and doubles are read", "[checkpoint]") {
  std::string data;
  for (int byte = 0; byte < 256; ++byte) data.push_back(static_cast<char>(byte));
  data += data;
  const double doubles[] = {0.1, -1e-50, 1e300};
  data.append(reinterpret_cast<const char*>(doubles), sizeof doubles);
  const std::string text =
      safetensors_text(R"({"e4":{"dtype":"F8_E4M3","shape":[256],"data_offsets":[0,256]},)"
                       R"("e5":{"dtype":"F8_E5M2","shape":[256],"data_offsets":[256,512]},)"
                       R"("d":{"dtype":"F64","shape":[3],"data_offsets":[512,536]}})",
                       data);
  const SafetensorsFile file(std::as_bytes(std::span(text)), "made");
  for (const int fraction_bits : {3, 2}) {
    std::vector<float> got(256);
    file.read(fraction_bits == 3 ? "e4" : "e5", got);
    const int bias = fraction_bits == 3 ? 7 : 15, exponents = fraction_bits == 3 ? 15 : 31;
    for (int byte = 0; byte < 256; ++byte) {
      const int exponent = (byte & 127) >> fraction_bits, fraction = byte & ((1 << fraction_bits) - 1);
      const int whole = (exponent == 0 ? 0 : 1 << fraction_bits) + fraction;
      const double wanted = std::ldexp(whole, std::max(exponent, 1) - bias - fraction_bits);
      const float value = got[static_cast<std::size_t>(byte)];
      INFO(fraction_bits << " " << byte);
      if (fraction_bits == 3 ? (byte & 127) == 127 : exponent == exponents && fraction != 0) {
        REQUIRE(std::isnan(value));
        continue;
      }
      REQUIRE(std::signbit(value) == (byte > 127));
      if (fraction_bits == 2 && exponent == exponents)
        REQUIRE(std::isinf(value));
      else
        REQUIRE(static_cast<double>(std::abs(value)) == wanted);
    }
  }
  std::vector<float> got(3);
  file.read("d", got);
  CHECK(got[0] == 0.1F);
  CHECK(got[1] == 0.0F);
  CHECK(std::isinf(got[2]));
}

TEST_CASE("a pickle of PyTorch is refused", "[checkpoint]") {
  const TemporaryFolder folder;
  for (const char* name : {"pytorch_model.bin.index.json", "pytorch_model.bin"}) {
    folder.write(name, "{}");
    std::string message;
    try {
      const SafetensorsFolder file(folder.path());
    } catch (const zofo::Error& error) {
      message = error.what();
    }
    INFO(message);
    CHECK(message.find(std::string(name) + ": weights as a pickle are not read") != std::string::npos);
    CHECK(message.find("save_pretrained") != std::string::npos);
  }
}

TEST_CASE("bfloat16 is rounded to nearest, ties to even, and NaN stays", "[checkpoint]") {
  CHECK(float_to_bfloat16(1.0F) == 0x3F80);
  CHECK(float_to_bfloat16(std::bit_cast<float>(0x3F808000U)) == 0x3F80);  // a tie: down to even
  CHECK(float_to_bfloat16(std::bit_cast<float>(0x3F818000U)) == 0x3F82);  // a tie: up to even
  CHECK(float_to_bfloat16(std::bit_cast<float>(0x3F808001U)) == 0x3F81);
  CHECK(float_to_bfloat16(std::numeric_limits<float>::max()) == 0x7F80);  // nearest is infinity
  CHECK(float_to_bfloat16(-0.0F) == 0x8000);
  CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001U)))));
}

TEST_CASE("a written file is read back", "[checkpoint]") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.safetensors";
  std::vector<float> values(70000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(std::sin(static_cast<double>(i))) * 3.0F;
  const std::vector<SafetensorsSpec> specs{{"z", {7, 10000}}, {"a.b", {2}}};
  for (const SafetensorsType type : {SafetensorsType::F32, SafetensorsType::BF16}) {
    SafetensorsWriter writer(path, specs, type);
    writer.tensor("z", values);
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK_THROWS_AS(writer.finish(), zofo::Error);
    CHECK_THROWS_AS(writer.tensor("z", values), zofo::Error);
    writer.tensor("a.b", std::span(values).first(2));
    writer.finish();
    const SafetensorsFolder file(folder.path());
    CHECK(file.tensor("z").shape == specs[0].shape);
    std::vector<float> got(values.size());
    file.read("z", got);
    bool same = true;
    for (std::size_t i = 0; i < values.size(); ++i)
      same &=
          bits(got[i]) ==
          bits(type == SafetensorsType::F32 ? values[i] : bfloat16_to_float(float_to_bfloat16(values[i])));
    CHECK(same);
    std::filesystem::remove(path);
  }
}

TEST_CASE("an unfinished file leaves nothing behind", "[checkpoint]") {
  const TemporaryFolder folder;
  {
    const SafetensorsWriter writer(folder.path() / "x.safetensors", {{"a", {1}}}, SafetensorsType::F32);
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK_THROWS_AS(SafetensorsWriter(folder.path() / "none" / "x", {}, SafetensorsType::F32), zofo::Error);
  CHECK_THROWS_AS(SafetensorsWriter(folder.path() / "x", {{"a", {1}}, {"a", {1}}}, SafetensorsType::F32),
                  zofo::Error);
  CHECK(std::filesystem::is_empty(folder.path()));
}
