// tests/golden/small.gguf is written by the Python package `gguf` (tests/golden/generators/dequantize.py).
#include "zofo/checkpoint/gguf.hpp"

#include <unistd.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::checkpoint;

namespace {

const std::filesystem::path golden = std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden";

template <class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("metadata of another program's file", "[checkpoint]") {
  const GgufFile file(golden / "small.gguf");
  CHECK(file.string("general.architecture") == "llama");
  CHECK(file.unsigned_integer("a.u8") == 200);
  CHECK(file.unsigned_integer("a.u16") == 65000);
  CHECK(file.unsigned_integer("a.u32") == 4000000000u);
  CHECK(file.unsigned_integer("a.u64") == (1ull << 63) + 1);
  CHECK(file.number("a.i8") == -7);
  CHECK(file.number("a.i16") == -30000);
  CHECK(file.number("a.i32") == -5);
  CHECK(file.number("a.i64") == -std::ldexp(1.0, 40));
  CHECK(file.number("a.f32") == 0.5);
  CHECK(file.number("a.f64") == 1e-300);
  CHECK(file.boolean("a.bool"));
  CHECK(file.string("a.string") == "Grüße");
  CHECK(file.strings("a.strings") == std::vector<std::string>{"x", "Ġy"});
  CHECK(file.integers("a.integers") == std::vector<std::int64_t>{3, -1, 4});
  CHECK(file.floats("a.floats") == std::vector<float>{0.25f, -2.0f});
  CHECK(file.has("a.u8"));
  CHECK_FALSE(file.has("a.none"));
  CHECK(file.keys().size() == 17);
}

TEST_CASE("tensors of another program's file", "[checkpoint]") {
  const GgufFile file(golden / "small.gguf");
  CHECK(file.tensor_names().size() == 18);
  CHECK(file.tensor("t.F32").shape == std::vector<std::uint64_t>{8, 4});
  CHECK(file.tensor("t.Q5_1").shape == std::vector<std::uint64_t>{32, 5});
  CHECK(file.tensor("t.Q5_1").bytes == 5 * 24);
  CHECK(file.tensor("t.Q6_K").shape == std::vector<std::uint64_t>{256, 2});
  CHECK(file.tensor("t.Q6_K").bytes == 2 * 210);
  std::ifstream in(golden / "dequantize.txt");
  for (std::string name, line; std::getline(in, name) && std::getline(in, line) && std::getline(in, line);) {
    std::vector<float> values(file.tensor("t." + name).elements);
    file.read("t." + name, values);
    std::string bits;
    for (const float value : values)
      bits += fmt::format("{}{:08x}", bits.empty() ? "" : " ", std::bit_cast<std::uint32_t>(value));
    INFO(name);
    CHECK(bits == line);
  }
}

TEST_CASE("accessors name the file and the key", "[checkpoint]") {
  const GgufFile file(golden / "small.gguf");
  const std::string missing = message([&] { return file.string("a.none"); });
  CHECK(mentions(missing, "small.gguf"));
  CHECK(mentions(missing, "'a.none'"));
  CHECK(mentions(message([&] { return file.string("a.u8"); }), "'a.u8': must be a string"));
  CHECK(mentions(message([&] { return file.unsigned_integer("a.i8"); }), "'a.i8' = -7: must be"));
  CHECK(mentions(message([&] { return file.unsigned_integer("a.f32"); }), "'a.f32'"));
  CHECK(mentions(message([&] { return file.number("a.strings"); }), "'a.strings'"));
  CHECK(mentions(message([&] { return file.boolean("a.u8"); }), "'a.u8'"));
  CHECK(mentions(message([&] { return file.strings("a.integers"); }), "'a.integers'"));
  CHECK(mentions(message([&] { return file.integers("a.floats"); }), "'a.floats'"));
  CHECK(mentions(message([&] { return file.integers("a.strings"); }), "'a.strings'"));
  CHECK(mentions(message([&] { return file.floats("a.f32"); }), "'a.f32'"));
  CHECK(mentions(message([&] { return file.tensor("t.none"); }), "'t.none'"));
  std::vector<float> short_by_one(31);
  CHECK(mentions(message([&] { file.read("t.F32", short_by_one); }), "32 elements, 31"));
}

TEST_CASE("GgufFile reads what GgufWriter wrote", "[checkpoint]") {
  GgufWriter writer;
  writer.string("general.architecture", "llama");
  writer.unsigned_integer("llama.block_count", 2);
  writer.number("llama.rope.freq_base", 10000.0f);
  writer.boolean("tokenizer.ggml.add_bos_token", true);
  writer.strings("tokens", std::vector<std::string>{"a", "", "c"});
  writer.integers("kinds", std::vector<std::int32_t>{1, -3});
  writer.floats("scores", std::vector<float>{1.5f});
  const std::vector<float> matrix{1, 2, 3, 4, 5, 6};
  writer.tensor("m", std::vector<std::uint64_t>{3, 2}, matrix);
  writer.tensor("v", std::vector<std::uint64_t>{1}, std::vector<float>{7});
  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("zofo_gguf_test_{}.gguf", ::getpid());
  writer.write(path);

  GgufFile opened(path);
  const GgufFile file = std::move(opened);  // the mapping moves too
  std::filesystem::remove(path);            // and outlives the directory entry
  CHECK(file.path() == path);
  CHECK(file.unsigned_integer("llama.block_count") == 2);
  CHECK(file.number("llama.rope.freq_base") == 10000.0);
  CHECK(file.boolean("tokenizer.ggml.add_bos_token"));
  CHECK(file.strings("tokens") == std::vector<std::string>{"a", "", "c"});
  CHECK(file.integers("kinds") == std::vector<std::int64_t>{1, -3});
  CHECK(file.floats("scores") == std::vector<float>{1.5f});
  CHECK(file.tensor_names() == std::vector<std::string>{"m", "v"});
  std::vector<float> out(6);
  file.read("m", out);
  CHECK(out == matrix);
  CHECK_THROWS_AS(writer.tensor("w", std::vector<std::uint64_t>{3, 3}, matrix), zofo::Error);
  CHECK_THROWS_AS(writer.write("/nonexistent/folder/x.gguf"), zofo::Error);
}

// A model in two files, as llama.cpp's gguf-split names them and their keys.
TEST_CASE("the parts of a split model are read as one", "[checkpoint]") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("zofo_split_{}", ::getpid());
  std::filesystem::create_directory(folder);
  const auto part = [&](std::uint32_t number, std::uint32_t count) {
    return folder / fmt::format("m-{:05}-of-{:05}.gguf", number + 1, count);
  };
  const auto write = [&](const std::filesystem::path& path, std::uint32_t number, const std::string& tensor,
                         std::uint32_t tensors = 2) {
    GgufWriter writer;
    if (number == 0) writer.string("general.architecture", "llama");
    writer.unsigned_integer("split.no", number);
    writer.unsigned_integer("split.count", 2);
    writer.unsigned_integer("split.tensors.count", tensors);
    writer.tensor(tensor, std::vector<std::uint64_t>{2}, std::vector<float>{static_cast<float>(number), 7});
    writer.write(path);
  };
  const auto first_error = [&] { return message([&] { GgufFile{part(0, 2)}; }); };
  write(part(0, 2), 0, "a");
  CHECK(mentions(first_error(), "m-00002-of-00002.gguf: is missing: it is part 2 of 2 of the split model"));
  write(part(1, 2), 1, "b");
  {
    const GgufFile file(part(0, 2));
    CHECK(file.string("general.architecture") == "llama");
    CHECK(file.tensor_names() == std::vector<std::string>{"a", "b"});
    CHECK(file.bytes() == std::filesystem::file_size(part(0, 2)) + std::filesystem::file_size(part(1, 2)));
    std::vector<float> values(2);
    file.read("b", values);
    CHECK(values == std::vector<float>{1, 7});
    CHECK(file.has_tensor("b"));
    CHECK_FALSE(file.has_tensor("c"));
    CHECK(mentions(message([&] { return file.tensor("c").name; }), "tensor 'c' is missing"));
  }
  CHECK(mentions(message([&] { GgufFile{part(1, 2)}; }), "is part 2 of 2 of a split model: the first part"));
  CHECK(mentions(message([&] { GgufFile{part(1, 2)}; }), "m-00001-of-00002.gguf"));
  write(part(1, 2), 1, "a");
  CHECK(mentions(first_error(), "tensor 'a' is in another part too"));
  write(part(1, 2), 0, "b");
  CHECK(mentions(first_error(), "are those of part 1 of 2: must be those of part 2 of 2"));
  write(part(1, 2), 1, "b");
  write(part(0, 2), 0, "a", 3);
  CHECK(mentions(first_error(), "split.tensors.count = 3: the 2 parts have 2 tensors"));
  write(folder / "model.gguf", 0, "a");
  CHECK(mentions(message([&] { GgufFile{folder / "model.gguf"}; }), "must end in -00001-of-00002.gguf"));
  write(folder / "model.gguf", 2, "a");
  CHECK(mentions(message([&] { GgufFile{folder / "model.gguf"}; }), "split.no = 2: must be less than"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("paths that are not regular files throw", "[checkpoint]") {
  CHECK(mentions(message([] { GgufFile{"/nonexistent/x.gguf"}; }), "/nonexistent/x.gguf: cannot open"));
  CHECK_THROWS_AS(GgufFile{std::filesystem::temp_directory_path()}, zofo::Error);
  CHECK_THROWS_AS(GgufFile{"/dev/null"}, zofo::Error);
}
