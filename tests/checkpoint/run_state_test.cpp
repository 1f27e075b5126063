#include "zofo/checkpoint/run_state.hpp"

#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "catch.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/hash.hpp"

using namespace zofo;
using namespace zofo::checkpoint;

namespace {

// A file that is removed at the end of the scope.
struct File {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("zofo_state_" + std::to_string(getpid()));
  ~File() { std::filesystem::remove(path); }
  RunState read(std::string_view bytes) const {
    write_atomically(path, bytes);
    return read_run_state(path);
  }
  std::string refusal(std::string_view bytes) const {
    try {
      read(bytes);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

// A file of this header and zero floats, with a correct checksum.
std::string sealed_as(const std::string& header, std::uint64_t length, std::size_t floats = 0) {
  std::string bytes(state_magic);
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += header + std::string(4 * floats, '\0');
  const std::uint64_t sum = Hash64().update(bytes).value();
  return bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}
std::string sealed(const std::string& header, std::size_t floats = 0) {
  return sealed_as(header, header.size(), floats);
}

}  // namespace

TEST_CASE("a state is read back bit for bit", "[checkpoint]") {
  const File file;
  RunState state;
  state.json() = {{"steps", 7}, {"rate", 0.1 + 0.2}, {"tiny", 5e-324}, {"name", "s"}};
  state.vectors["p"] = Eigen::VectorXf::LinSpaced(5, -1.0F, 1.0F / 3.0F);
  state.vectors["p"][2] = -0.0F;
  state.vectors["p"][3] = 1e-45F;
  state.vectors["empty"] = Eigen::VectorXf();
  const RunState read = file.read(to_bytes(state));
  CHECK(read.json() == state.json());
  CHECK(read.number<double>("rate") == 0.1 + 0.2);
  REQUIRE(read.vectors.size() == 2);
  REQUIRE(read.vector("p") != nullptr);
  CHECK(std::memcmp(read.vector("p")->data(), state.vectors["p"].data(), 5 * sizeof(float)) == 0);
  CHECK(read.vector("empty")->size() == 0);
  CHECK(read.vector("absent") == nullptr);
  CHECK_THROWS_AS(read.number<int>("absent"), Error);
  CHECK_THROWS_AS(read.number<int>("name"), Error);
  CHECK_THROWS_AS(read.fields("steps"), Error);
}

TEST_CASE("damage at any byte of a state is refused", "[checkpoint]") {
  const File file;
  RunState state;
  state.json()["steps"] = 7;
  state.vectors["p"] = Eigen::VectorXf::LinSpaced(5, -1.0F, 1.0F);
  const std::string bytes = to_bytes(state);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE(!file.refusal(std::string_view(bytes).substr(0, length)).empty());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    REQUIRE(!file.refusal(bad).empty());
  }
  REQUIRE(!file.refusal(bytes + "x").empty());
}

TEST_CASE("hostile bytes with a correct checksum are refused by name", "[checkpoint]") {
  const File file;
  const auto refused = [&](const std::string& bytes, const char* part) {
    const std::string message = file.refusal(bytes);
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
    CHECK(message.find(file.path.string()) != std::string::npos);
  };
  refused(sealed_as("{}", 3), "header length 3 exceeds");
  refused(sealed_as("{}", ~std::uint64_t{0}), "exceeds the file");
  refused(sealed("{"), "broken JSON");
  refused(sealed("{}"), "numbers");
  refused(sealed(R"({"numbers":{}})"), "vectors");
  refused(sealed(R"({"numbers":[],"vectors":[]})"), "numbers");
  refused(sealed(R"({"numbers":{},"vectors":[["p",1000000000000000000]]})"), "count = 1000000000000000000");
  refused(sealed(R"({"numbers":{},"vectors":[["p",3]]})", 2), "count = 3");
  refused(sealed(R"({"numbers":{},"vectors":[["p",-1]]})", 2), "'p'");
  refused(sealed(R"({"numbers":{},"vectors":[["p",1.5]]})", 2), "'p'");
  refused(sealed(R"({"numbers":{},"vectors":[["p",1],["p",1]]})", 2), "'p'");
  refused(sealed(R"({"numbers":{},"vectors":[[7,1]]})", 1), "header");
  refused(sealed(R"({"numbers":{},"vectors":{}})", 1), "4 bytes after");
  refused(sealed(R"({"numbers":{},"vectors":[["p"]]})"), "header");
  std::string deep(200, '[');
  refused(sealed(R"({"numbers":{"a":)" + deep + std::string(200, ']') + R"(},"vectors":[]})"),
          "nested deeper");
}

TEST_CASE("a null or missing number reads as NaN", "[checkpoint]") {
  const JsonFields fields(nlohmann::json::parse(R"({"a": null, "b": 2.5, "c": "x"})"), "here");
  CHECK(std::isnan(number_or_nan(fields, "a")));
  CHECK(std::isnan(number_or_nan(fields, "absent")));
  CHECK(number_or_nan(fields, "b") == 2.5);
  CHECK_THROWS_AS(number_or_nan(fields, "c"), Error);
}
