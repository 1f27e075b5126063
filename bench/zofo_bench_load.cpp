// Times loading a GGUF file next to reading its bytes and writing as many floats: `zofo_bench_load --model
// model.gguf`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "median.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/mapped_file.hpp"
#include "zofo/core/chunks.hpp"
#include "zofo/model/arena.hpp"
#include "zofo/model_io/load_chat.hpp"
#include "zofo/model_io/load_gguf.hpp"
#include "zofo/model_io/load_model.hpp"

namespace {

using namespace zofo;

constexpr std::size_t block = std::size_t{1} << 20U;  // bytes of a chunk

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Copies every byte of the file, which is in the system's cache, into a buffer that stays in the core's.
void read_file(const std::filesystem::path& path) {
  const checkpoint::MappedFile file(path);
  const auto bytes = file.bytes();
  for_each_chunk(bytes.size(), block, [&](std::size_t first, std::size_t count) {
    thread_local std::vector<std::byte> buffer(block);
    std::memcpy(buffer.data(), bytes.data() + first, count);
  });
}

void write_floats(std::span<float> values, float value) {
  for_each_chunk(values.size(), block / sizeof(float), [&](std::size_t first, std::size_t count) {
    std::ranges::fill(values.subspan(first, count), value);
  });
}

struct Times {
  std::vector<double> all, weights, tokenizer, read, fresh, warm;
};

// Kinds of work alternate, because a machine's speed drifts.
void round(const std::filesystem::path& path, std::size_t floats, Times& times) {
  times.read.push_back(seconds_of([&] { read_file(path); }));
  {
    model::Arena arena(1);
    times.fresh.push_back(seconds_of([&] {
      arena = model::Arena(floats);
      write_floats(arena.values(), 1.0F);
    }));
    times.warm.push_back(seconds_of([&] { write_floats(arena.values(), 2.0F); }));
  }
  {
    std::vector<llm::Model> model;  // freed outside of the time
    times.all.push_back(seconds_of([&] { model.push_back(llm::load_model(path)); }));
  }
  {
    std::vector<model::Parameters> theta;
    times.weights.push_back(seconds_of([&] { theta.push_back(llm::load_backbone(path)); }));
  }
  std::vector<tokenize::Tokenizer> tokenizer;
  times.tokenizer.push_back(seconds_of([&] { tokenizer.push_back(llm::load_tokenizer(path)); }));
}

nlohmann::json measure(const std::filesystem::path& path, std::size_t rounds) {
  const std::size_t floats = llm::load_backbone(path).values().size();  // also warms up
  Times times;
  for (std::size_t i = 0; i < rounds; ++i) round(path, floats, times);
  const double reference = median(times.read) + median(times.fresh);
  return {{"load_s", median(times.all)},
          {"weights_s", median(times.weights)},
          {"tokenizer_s", median(times.tokenizer)},
          {"read_file_s", median(times.read)},
          {"write_new_memory_s", median(times.fresh)},
          {"write_same_memory_s", median(times.warm)},
          {"load_ratio", median(times.all) / reference},
          {"weights_ratio", median(times.weights) / reference},
          {"load_ratio_same_memory", median(times.all) / (median(times.read) + median(times.warm))}};
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{
      "Times loading a GGUF file, relative to reading its bytes and writing its floats into new memory, on "
      "all "
      "threads.\nExample: zofo_bench_load --model model.gguf"};
  std::filesystem::path file;
  std::size_t rounds = 9;
  bool as_json = false;
  app.add_option("--model", file, "GGUF file")->required()->check(CLI::ExistingFile);
  app.add_option("--rounds", rounds, "of which the medians are printed")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_flag("--json", as_json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  const nlohmann::json made = measure(file, rounds);
  if (as_json)
    fmt::print("{}\n", made.dump());
  else
    for (const auto& [name, value] : made.items()) fmt::print("{:24} {:.4f}\n", name, value.get<double>());
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "zofo_bench_load: error: {}\n", error.what());
  return 2;
}
