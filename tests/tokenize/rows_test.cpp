/// @file Every family on a sample of real examples: task data at ZOFO_DATA, else at ../shared/data next to
/// the project. Skipped with a message if there is none.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "golden.hpp"
#include "zofo/core/error.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"

using namespace zofo::tokenize;
namespace fs = std::filesystem;

namespace {

fs::path data_folder() {
  if (const char* named = std::getenv("ZOFO_DATA")) return named;
  return fs::path(ZOFO_SOURCE_DIR).parent_path() / "shared/data";
}

void collect(const nlohmann::json& value, std::vector<std::string>& texts) {
  if (value.is_string()) return texts.push_back(value.get<std::string>());
  if (!value.is_structured()) return;
  for (const auto& inner : value) collect(inner, texts);
}

/// The first 100 texts of every task's validation examples.
std::vector<std::string> sample(const fs::path& data) {
  std::vector<fs::path> files;
  for (const auto& task : fs::directory_iterator(data)) {
    if (fs::exists(task.path() / "validation.jsonl")) files.push_back(task.path() / "validation.jsonl");
  }
  std::ranges::sort(files);
  std::vector<std::string> texts;
  for (const fs::path& file : files) {
    std::vector<std::string> own;
    std::ifstream input(file);
    for (std::string line; own.size() < 100 && std::getline(input, line);)
      collect(nlohmann::json::parse(line), own);
    own.resize(std::min<std::size_t>(own.size(), 100));
    texts.insert(texts.end(), own.begin(), own.end());
  }
  return texts;
}

}  // namespace

TEST_CASE("ids of every family equal the reference's on task examples", "[tokenize]") {
  const fs::path data = data_folder();
  if (!fs::is_directory(data)) {
    WARN("skipped: no task data at " << data);
    return;
  }
  const auto golden = golden::read_json(golden::folder() / "tokenizers/rows.json");
  const auto texts = sample(data);
  REQUIRE(texts.size() == golden.at("texts").get<std::size_t>());
  for (const auto& [family, wanted] : golden.at("digests").items()) {
    INFO(family);
    CHECK(golden::digest(load_tokenizer(golden::folder() / "tokenizers" / family), texts) ==
          wanted.get<std::string>());
  }
}
