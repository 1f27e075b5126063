/// @file Tests with a real model's vocabulary: ZOFO_MODEL = a SmolLM2 GGUF file; ZOFO_TOKEN_ROWS = a file
/// written by `tests/golden/generators/token_ids.py rows`. Skipped with a message if they are not set.
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "catch.hpp"
#include "golden.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/tokenize/from_gguf.hpp"

using namespace zofo::tokenize;
using Ids = std::vector<std::int32_t>;

TEST_CASE("ids equal the reference on a real vocabulary", "[tokenize][model]") {
  const char* model = std::getenv("ZOFO_MODEL");
  if (model == nullptr) {
    WARN("skipped: ZOFO_MODEL is not set");
    return;
  }
  const Tokenizer tokenizer = from_gguf(zofo::checkpoint::GgufFile(model));
  const auto golden = golden::load();
  for (const auto& row : golden.at("model_cases")) {
    const std::string text = row.at("text");
    INFO(golden::shown(text));
    REQUIRE(tokenizer.encode(text, row.at("parse_special")) == row.at("ids").get<Ids>());
  }
}

TEST_CASE("ids equal the reference on every line of a dump", "[tokenize][model]") {
  const char* model = std::getenv("ZOFO_MODEL");
  const char* rows = std::getenv("ZOFO_TOKEN_ROWS");
  if (model == nullptr || rows == nullptr) {
    WARN("skipped: ZOFO_MODEL and ZOFO_TOKEN_ROWS are not both set");
    return;
  }
  using Clock = std::chrono::steady_clock;
  const Tokenizer tokenizer = from_gguf(zofo::checkpoint::GgufFile(model));
  std::ifstream file(rows);
  REQUIRE(file.is_open());
  std::size_t count = 0, bytes = 0, tokens = 0;
  Clock::duration spent{};
  for (std::string line; std::getline(file, line); ++count) {
    const auto row = nlohmann::json::parse(line);
    const std::string text = row.at("text");
    const auto start = Clock::now();
    const Ids ids = tokenizer.encode(text);
    spent += Clock::now() - start;
    bytes += text.size();
    tokens += ids.size();
    if (ids != row.at("ids").get<Ids>()) FAIL("line " << count + 1 << ": " << golden::shown(text));
  }
  const double seconds = std::chrono::duration<double>(spent).count();
  WARN(count << " texts, " << bytes << " bytes, " << tokens << " tokens equal; "
             << static_cast<double>(bytes) / 1e6 / seconds << " MB/s");
}
