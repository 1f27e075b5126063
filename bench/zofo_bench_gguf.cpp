// Times the conversions between floats and the storage types of GGUF files on one core: `zofo_bench_gguf`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "median.hpp"
#include "zofo/checkpoint/ggml_type.hpp"

namespace {

using zofo::checkpoint::GgmlFormat;

// Processor time, so that other programs count only by the memory's bandwidth that they take.
double seconds_of(auto&& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// Bytes of floats in 10^9 that `work` converts in a second: the median of several rounds.
double gigabytes_per_second(std::size_t values, std::size_t rounds, auto&& work) {
  std::vector<double> seconds;
  for (std::size_t round = 0; round < rounds; ++round) seconds.push_back(seconds_of(work));
  return static_cast<double>(values * sizeof(float)) / median(seconds) * 1e-9;
}

void run(std::size_t millions, std::size_t rounds) {
  const std::size_t values = millions << 20U;  // whole blocks of every type
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0.0F, 0.02F);
  std::vector<float> weights(values), out(values);
  for (float& weight : weights) weight = normal(random);
  fmt::print("{:8} {:>12} {:>12}   GB of fp32 a second, one core\n", "type", "read", "write");
  for (std::uint32_t number = 0;; ++number) {
    const GgmlFormat* const format =
        zofo::checkpoint::find_format(static_cast<zofo::checkpoint::GgmlType>(number));
    if (format == nullptr) return;
    if (format->read == nullptr) continue;
    const std::size_t blocks = values / format->values;
    std::vector<std::byte> bytes(blocks * format->bytes);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0x3FU);  // no NaN, no infinity
    std::string written = "-";
    if (format->write != nullptr)
      written = fmt::format("{:.2f}", gigabytes_per_second(values, rounds, [&] {
                              format->write(weights.data(), blocks, bytes.data());
                            }));
    const double read =
        gigabytes_per_second(values, rounds, [&] { format->read(bytes.data(), blocks, out.data()); });
    fmt::print("{:8} {:>12.2f} {:>12}\n", format->name, read, written);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Conversions between floats and the storage types of GGUF files, on one core");
  std::size_t millions = 16, rounds = 5;
  app.add_option("--millions", millions, "2^20 weights")->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--rounds", rounds, "of which the medians are printed")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  run(millions, rounds);
  return 0;
}
