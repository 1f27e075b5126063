// Damaged and hostile safetensors files and indices: each must throw zofo::Error or load and then read within
// its bytes. Files live in heap blocks of their exact size, so that AddressSanitizer sees a read past the
// end.
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "safetensors_text.hpp"
#include "zofo/checkpoint/safetensors_index.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

namespace {

// Opens the bytes and reads every tensor. True if the file opened; any exception but zofo::Error fails the
// test.
bool open_and_read_safetensors(std::string_view text) {
  const std::vector<char> exact(text.begin(), text.end());
  try {
    const SafetensorsFile file(std::as_bytes(std::span(exact)), "hostile");
    for (const SafetensorsEntry& entry : file.tensors()) {
      if (entry.elements > text.size()) continue;  // of an unknown dtype, so its size was not checked
      std::vector<float> values(entry.elements);
      try {
        file.read(entry.name, values);
      } catch (const zofo::Error&) {
      }
    }
  } catch (const zofo::Error&) {
    return false;
  }
  return true;
}

constexpr std::string_view small_header =
    R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
    R"("h":{"dtype":"F16","shape":[3],"data_offsets":[8,14]},)"
    R"("i":{"dtype":"I64","shape":[1],"data_offsets":[14,22]}})";

std::string small_safetensors() { return safetensors_text(small_header, std::string(22, '\1')); }

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(small_header);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return safetensors_text(text.replace(at, from.size(), to), std::string(22, '\1'));
}

#define CHECK_ERROR(file, part)                                    \
  do {                                                             \
    const std::string got = safetensors_error(file);               \
    INFO(got);                                                     \
    CHECK(got.find(part) != std::string::npos);                    \
    CHECK((got.find("hostile.safetensors") != std::string::npos)); \
  } while (false)

}  // namespace

TEST_CASE("a safetensors file cut at any length throws", "[checkpoint]") {
  const std::string file = small_safetensors();
  REQUIRE(open_and_read_safetensors(file));
  for (std::size_t length = 0; length < file.size(); ++length) {
    INFO(length);
    REQUIRE_FALSE(open_and_read_safetensors(std::string_view(file).substr(0, length)));
  }
  CHECK_FALSE(open_and_read_safetensors(file + "x"));
}

TEST_CASE("a safetensors file with any bit flipped throws or loads", "[checkpoint]") {
  const std::string file = small_safetensors();
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    REQUIRE_NOTHROW(open_and_read_safetensors(damaged));
  }
}

TEST_CASE("errors of safetensors headers name the fault", "[checkpoint]") {
  CHECK_ERROR("", "0 bytes");
  CHECK_ERROR("GGUF\3", "5 bytes");
  CHECK_ERROR(std::string(8, '\xFF') + "{}", "header length 18446744073709551615");
  CHECK_ERROR(safetensors_text("", ""), "must begin with '{'");
  CHECK_ERROR(safetensors_text(" {}", ""), "must begin with '{'");
  CHECK_ERROR(safetensors_text("{}x", ""), "not JSON");
  CHECK_ERROR(safetensors_text("{", ""), "not JSON");
  CHECK_ERROR(safetensors_text(R"({"a": 1})", ""), "a number at 'a'");
  CHECK_ERROR(safetensors_text(R"({"a": null})", ""), "null at 'a'");
  CHECK_ERROR(safetensors_text(R"({"a": [1]})", ""), "an array at 'a'");
  CHECK_ERROR(safetensors_text(R"({"a": {"dtype": {"b": 1}}})", ""), "an object at 'dtype'");
  CHECK_ERROR(safetensors_text(R"({"__metadata__": {"a": 1}})", ""), "a number at 'a'");
  CHECK_ERROR(safetensors_text("{\"a\xC3\": {}}", ""), "not JSON");
  CHECK_ERROR(safetensors_text(R"({"\u001b[0m": {}})", ""), "without control characters");
  CHECK_ERROR(safetensors_text("{\"" + std::string(5000, 'a') + "\": {}}", ""), "1 to 4096 bytes");
  std::string deep(1'000'000, '[');
  CHECK_ERROR(safetensors_text(R"({"a": {"shape": )" + deep, ""), "an array at 'shape'");
  CHECK(safetensors_error(safetensors_text("{}", "")) == "nothing thrown");
}

TEST_CASE("errors of safetensors tensors name the tensor", "[checkpoint]") {
  CHECK_ERROR(replaced(R"("h":)", R"("w":)"), "'w' appears twice");
  CHECK_ERROR(replaced(R"("dtype":"F16",)", R"("dtype":"F16","dtype":"F16",)"),
              "tensor 'h': 'dtype' appears twice");
  CHECK_ERROR(replaced(R"("dtype":"F16",)", ""), "tensor 'h': 'dtype' is missing");
  CHECK_ERROR(replaced(R"(,"data_offsets":[8,14])", ""), "tensor 'h': 'data_offsets' is missing");
  CHECK_ERROR(replaced("[8,14]", "[8]"), "tensor 'h': data_offsets");
  CHECK_ERROR(replaced("[8,14]", "[8,14,20]"), "a number at 'data_offsets'");
  CHECK_ERROR(replaced("[8,14]", "[14,8]"), "tensor 'h': data_offsets [14, 8]");
  CHECK_ERROR(replaced("[8,14]", "[8,18446744073709551615]"), "tensor 'h': data_offsets");
  CHECK_ERROR(replaced("[8,14]", "[8,18446744073709551616]"), "a fraction");
  CHECK_ERROR(replaced("[8,14]", "[-8,14]"), "a negative number");
  CHECK_ERROR(replaced("[8,14]", "[6,12]"), "tensor 'h': begins at byte 6");
  CHECK_ERROR(replaced("[0,8]", "[0,4]"), "tensor 'w': 4 bytes do not hold its 2 elements of F32");
  CHECK_ERROR(replaced("[2,1]", "[4294967296,4294967296]"), "tensor 'w': shape");
  CHECK_ERROR(replaced("[2,1]", "[4611686018427387906]"), "tensor 'w': 8 bytes");
  CHECK_ERROR(replaced("[2,1]", "[1,1,1,1,1,1,1,1,2]"), "tensor 'w': shape");
  CHECK_ERROR(replaced("[2,1]", "[2.5]"), "a fraction");
  CHECK_ERROR(replaced(R"("F16")", R"("F16F16F16F16F16F16")"), "tensor 'h': dtype");
  CHECK_ERROR(replaced("[14,22]", "[14,20]"), "tensor 'i': 6 bytes");
  CHECK_ERROR(safetensors_text(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[1,2]}})", "ab"), "byte 1");
  CHECK_ERROR(safetensors_text(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", "ab"),
              "end at byte 1 of 2");
}

TEST_CASE("a file may contain an unknown dtype that is not read", "[checkpoint]") {
  const std::string text = safetensors_text(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", "ab");
  const SafetensorsFile file(std::as_bytes(std::span(text)), "new");
  std::vector<float> values(4);
  CHECK(message_of([&] { file.read("a", values); }) ==
        "new: tensor 'a': dtype 'F4': must be F64, F32, F16, BF16, F8_E4M3 or F8_E5M2");
}

TEST_CASE("errors of an index name the entry", "[checkpoint]") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& index, const std::string& part) {
    folder.write("model.safetensors.index.json", index);
    const std::string message = message_of([&] { const SafetensorsFolder opened(folder.path()); });
    CHECK_THAT(message, ContainsSubstring(part));
    CHECK_THAT(message, ContainsSubstring(folder.path().string()));
  };
  CHECK_THAT(message_of([&] { const SafetensorsFolder opened(folder.path()); }),
             ContainsSubstring("holds neither model.safetensors nor"));
  folder.write("one.safetensors", small_safetensors());
  refused("{", "broken JSON");
  refused("[]", "must be a JSON object");
  refused("{}", "'weight_map' is missing");
  refused(R"({"weight_map": {}})", "names no shard");
  refused(R"({"weight_map": {"w": 3}})", "w = 3: must be a string");
  refused(R"({"weight_map": {"w": "one.safetensors", "w": "one.safetensors"}})", R"(duplicate key "w")");
  refused(R"({"weight_map": {"w": "two.safetensors"}})", "two.safetensors: cannot open");
  refused(R"({"weight_map": {"x": "one.safetensors"}})", "tensor 'x' is not in its shard");
  for (const char* path : {"../one.safetensors", "/etc/passwd", "a/one.safetensors", "one.bin", "..",
                           R"(a\\one.safetensors)", R"(\u0007.safetensors)"})
    refused(R"({"weight_map": {"w": ")" + std::string(path) + "\"}}", "in the same folder");
  std::string deep = R"({"weight_map": )";
  refused(deep.append(100, '['), "nested deeper than 64");
  folder.write("model.safetensors.index.json", R"({"metadata": {}, "weight_map": {"w": "one.safetensors"}})");
  const SafetensorsFolder opened(folder.path());
  CHECK(opened.has("w"));
  CHECK_FALSE(opened.has("h"));  // the index does not name it
}
