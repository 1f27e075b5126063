// Damaged and hostile files: each must throw zofo::Error or load and then read within its bytes. Files live
// in heap blocks of their exact size, so that AddressSanitizer sees a read past the end.
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

namespace {

template <class F>
void tolerate(F&& f) {
  try {
    f();
  } catch (const zofo::Error&) {
  }
}

// Opens the bytes and reads every key and tensor. True if the file opened; any exception but zofo::Error
// fails the test.
bool open_and_read(std::string_view text) {
  const std::vector<char> exact(text.begin(), text.end());
  try {
    const GgufFile file(std::as_bytes(std::span(exact)), "hostile");
    for (const std::string& key : file.keys()) {
      tolerate([&] { (void)file.string(key); });
      tolerate([&] { (void)file.unsigned_integer(key); });
      tolerate([&] { (void)file.number(key); });
      tolerate([&] { (void)file.boolean(key); });
      tolerate([&] { (void)file.strings(key); });
      tolerate([&] { (void)file.integers(key); });
      tolerate([&] { (void)file.floats(key); });
    }
    for (const std::string& name : file.tensor_names()) {
      std::vector<float> values(file.tensor(name).elements);
      file.read(name, values);
    }
  } catch (const zofo::Error&) {
    return false;
  }
  return true;
}

std::string error_of(std::string_view text) {
  try {
    const GgufFile file(std::as_bytes(std::span(text)), "hostile.gguf");
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

std::string small_file() {
  GgufWriter writer;
  writer.string("s", "text");
  writer.unsigned_integer("general.alignment", 32);
  writer.boolean("b", true);
  writer.strings("ss", std::vector<std::string>{"a", "bc"});
  writer.integers("is", std::vector<std::int32_t>{1, 2});
  writer.tensor("alpha", std::vector<std::uint64_t>{3, 2}, std::vector<float>(6, 1.0f));
  writer.tensor("beta", std::vector<std::uint64_t>{32}, GgmlType::Q4_0, std::vector<std::byte>(18));
  writer.tensor("gamma", std::vector<std::uint64_t>{5}, std::vector<float>(5, 2.0f));
  return writer.bytes();
}

// The file with `value` at `skip` bytes after the first occurrence of `after`.
template <class T>
std::string patched(std::string file, std::string_view after, std::size_t skip, T value) {
  const std::size_t at = file.find(after);
  REQUIRE(at != std::string::npos);
  std::memcpy(file.data() + at + after.size() + skip, &value, sizeof(T));
  return file;
}

#define CHECK_ERROR(file, part)                             \
  do {                                                      \
    const std::string got = error_of(file);                 \
    INFO(got);                                              \
    CHECK(got.find(part) != std::string::npos);             \
    CHECK((got.find("hostile.gguf") != std::string::npos)); \
  } while (false)

constexpr auto huge = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("a file cut at any length throws", "[checkpoint]") {
  const std::string file = small_file();
  REQUIRE(open_and_read(file));
  const std::size_t padding = 12;  // after gamma's 20 bytes; a file may end before it
  for (std::size_t length = 0; length < file.size(); ++length) {
    INFO(length);
    REQUIRE(open_and_read(std::string_view(file).substr(0, length)) == (length >= file.size() - padding));
  }
}

TEST_CASE("a file with any bit flipped throws or loads", "[checkpoint]") {
  const std::string file = small_file();
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    REQUIRE_NOTHROW(open_and_read(damaged));
  }
}

TEST_CASE("a file with an extreme number anywhere throws or loads", "[checkpoint]") {
  const std::string file = small_file();
  for (const std::uint64_t value : {huge, huge / 2, huge / 2 + 1, huge - 7, huge / 4 + 1, std::uint64_t{0}})
    for (std::size_t size : {4u, 8u})
      for (std::size_t at = 0; at + size <= file.size(); ++at) {
        std::string damaged = file;
        std::memcpy(damaged.data() + at, &value, size);
        REQUIRE_NOTHROW(open_and_read(damaged));
      }
}

TEST_CASE("header errors are named", "[checkpoint]") {
  const std::string file = small_file();
  CHECK_ERROR("", "magic");
  CHECK_ERROR(patched(file, "", 0, 'g'), "magic");
  CHECK_ERROR(patched(file, "GGUF", 0, 1u), "version 1: must be 2 or 3");
  CHECK_ERROR(patched(file, "GGUF", 0, 0x03000000u), "little endian");
  CHECK_ERROR(patched(file, "GGUF", 4, huge), "tensor count = 18446744073709551615");
  CHECK_ERROR(patched(file, "GGUF", 12, huge), "key count = 18446744073709551615");
  CHECK(error_of(patched(file, "GGUF", 0, 2u)) == "nothing thrown");
}

TEST_CASE("metadata errors are named", "[checkpoint]") {
  const std::string file = small_file();
  // "ss": type, element type, count, length of the first string.
  CHECK_ERROR(patched(file, "ss", 0, 13u), "'ss': type 13");
  CHECK_ERROR(patched(file, "ss", 4, 9u), "'ss': element type 9");
  CHECK_ERROR(patched(file, "ss", 8, huge), "ss = 18446744073709551615");
  CHECK_ERROR(patched(file, "ss", 16, huge), "ss needs 18446744073709551615 bytes");
  CHECK_ERROR(patched(file, "is", 8, huge / 4 + 2), "is: 4611686018427387905 items of 4 bytes");
  CHECK_ERROR(patched(file, "general.alignment", 4, 0u), "general.alignment = 0");
  CHECK_ERROR(patched(file, "general.alignment", 4, 24u), "general.alignment = 24");
  CHECK_ERROR(patched(file, "general.alignmen", 0, '\xC3'), "key must be UTF-8");
  CHECK_ERROR(patched(file, "general.alignmen", 0, '\n'), "key must be UTF-8");
  CHECK_ERROR(patched(file, "", 4 + 4 + 8 + 8, std::uint64_t{0}), "key of 0 bytes");
  GgufWriter twice;
  twice.boolean("b", true);
  twice.boolean("b", false);
  CHECK_ERROR(twice.bytes(), "'b' appears twice");
  GgufWriter empty;
  empty.floats("f", {});
  const std::string bytes = empty.bytes();
  const GgufFile opened(std::as_bytes(std::span(bytes)), "empty");
  CHECK(opened.floats("f").empty());
  CHECK_THROWS_AS(opened.integers("f"), zofo::Error);
}

TEST_CASE("tensor errors name the tensor", "[checkpoint]") {
  const std::string file = small_file();
  // "alpha": rank, two dimensions, type, offset.  "beta": rank, one dimension, type, offset.
  CHECK_ERROR(patched(file, "alpha", 0, 0u), "'alpha': 0 dimensions");
  CHECK_ERROR(patched(file, "alpha", 0, 5u), "'alpha': 5 dimensions");
  CHECK_ERROR(patched(file, "alpha", 4, std::uint64_t{0}), "'alpha': dimension 0");
  CHECK_ERROR(patched(file, "alpha", 4, huge), "'alpha': dimension 18446744073709551615");
  CHECK_ERROR(patched(patched(file, "alpha", 4, 1ull << 33), "alpha", 12, 1ull << 33), "'alpha': dimension");
  CHECK_ERROR(patched(file, "alpha", 20, 16u), "'alpha': type IQ2_XXS: must be one of F32");
  CHECK_ERROR(patched(file, "alpha", 20, 31u), "'alpha': type Q4_0_4_4: must be one of F32");
  CHECK_ERROR(patched(file, "alpha", 20, 99u), "'alpha': type 99 (not one of ggml's): must be one of F32");
  CHECK_ERROR(patched(file, "beta", 4, std::uint64_t{48}), "'beta': row of 48 values");
  CHECK_ERROR(patched(file, "gamma", 16, huge - 31), "'gamma': 20 bytes at offset 18446744073709551584");
  CHECK_ERROR(patched(file, "gamma", 16, std::uint64_t{96}), "'gamma'");
  CHECK_ERROR(patched(file, "gamma", 16, std::uint64_t{16}), "'gamma': offset 16: must be a multiple of 32");
  CHECK_ERROR(patched(file, "gamma", 16, std::uint64_t{0}), "overlaps");
  CHECK_ERROR(patched(file, "bet", 0, '\xFF'), "tensor name must be UTF-8");
  GgufWriter twice;
  for (int i = 0; i < 2; ++i) twice.tensor("t", std::vector<std::uint64_t>{1}, std::vector<float>{1});
  CHECK_ERROR(twice.bytes(), "'t' appears twice");
}

TEST_CASE("names are checked as Unicode defines UTF-8", "[checkpoint]") {
  for (const char* good :
       {"a", "\u00e9", "\u20ac", "\U0001F600", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"})
    CHECK(is_printable_utf8(good));
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\x1B[0m", "\x7F"})
    CHECK_FALSE(is_printable_utf8(bad));
}
