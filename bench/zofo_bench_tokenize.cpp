// Times tokenising on one thread: `zofo_bench_tokenize --model model.gguf --text rows.jsonl`, one string a
// line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/parse/json.hpp"

namespace {

using namespace zofo;

std::vector<std::string> read_rows(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::string> rows;
  for (std::string line; std::getline(in, line);) rows.push_back(parse::parse_json(line).get<std::string>());
  require(!rows.empty(), "{}: has no rows", path.string());
  return rows;
}

// FNV-1a over the ids and the ends of rows, which another implementation can repeat.
std::uint64_t hashed(std::uint64_t hash, std::uint32_t value) {
  for (int byte = 0; byte < 4; ++byte) hash = (hash ^ (value >> (8 * byte) & 0xFFU)) * 0x100000001B3U;
  return hash;
}

nlohmann::json pass(const tokenize::Tokenizer& tokenizer, const std::vector<std::string>& rows,
                    bool special) {
  const std::clock_t start = std::clock();  // processor time, for a machine that others use
  std::vector<std::vector<std::int32_t>> all;
  all.reserve(rows.size());
  for (const std::string& row : rows) all.push_back(tokenizer.encode(row, special));
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::size_t tokens = 0, bytes = 0;
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const auto& ids : all) {
    tokens += ids.size();
    for (const std::int32_t id : ids) hash = hashed(hash, static_cast<std::uint32_t>(id));
    hash = hashed(hash, 0xFFFFFFFFU);
  }
  for (const std::string& row : rows) bytes += row.size();
  return {{"mb_per_second", 1e-6 * static_cast<double>(bytes) / seconds},
          {"bytes", bytes},
          {"tokens", tokens},
          {"hash", fmt::format("{:016x}", hash)}};
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{
      "Times tokenising rows of text on one thread: a first pass, for which no word is cached, and later "
      "ones.\n"
      "Example: zofo_bench_tokenize --model model.gguf --text rows.jsonl"};
  std::filesystem::path model, text;
  std::size_t passes = 3;
  bool special = false;
  app.add_option("--model", model, "GGUF file or Hugging Face folder")->required();
  app.add_option("--text", text, "file with a JSON string a line")->required()->check(CLI::ExistingFile);
  app.add_option("--passes", passes, "over all rows")->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_flag("--special", special, "recognise control tokens that are written in the text");
  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> rows = read_rows(text);
  const tokenize::Tokenizer tokenizer = llm::load_tokenizer(model);
  for (std::size_t i = 0; i < passes; ++i) fmt::print("{}\n", pass(tokenizer, rows, special).dump());
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "zofo_bench_tokenize: error: {}\n", error.what());
  return 2;
}
