// Times the CPU transformer against the BLAS's own speed on its shapes: `zofo_bench_cpu --json`.
// Each measurement runs in a process of its own, so that its peak memory is its own.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench_normals.hpp"
#include "cpu_work.hpp"
#include "median.hpp"

namespace {

using nlohmann::json;
using Work = zofo::bench::CpuWork;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// CPU seconds that all processes (jiffies of /proc/stat: user, nice, system, irq, softirq, steal) and this
// one used so far.
struct CpuTime {
  double all = 0.0;
  double own = 0.0;
  static CpuTime now() {
    CpuTime t;
    std::ifstream stat("/proc/stat");
    std::string word;
    stat >> word;
    std::array<double, 8> field{};
    for (double& f : field) stat >> f;
    t.all = (field[0] + field[1] + field[2] + field[5] + field[6] + field[7]) /
            static_cast<double>(sysconf(_SC_CLK_TCK));
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto s = [](const timeval& v) {
      return static_cast<double>(v.tv_sec) + 1e-6 * static_cast<double>(v.tv_usec);
    };
    t.own = s(usage.ru_utime) + s(usage.ru_stime);
    return t;
  }
};

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

template <class Step>
double seconds_of(Step&& step) {
  const double start = seconds_now();
  step();
  return seconds_now() - start;
}

// Floating-point operations of `name` in units of one forward pass.
double forwards_of(const std::string& name) {
  if (name == "lora_step" || name == "mezo_step") return 2.0;
  return name == "outer_step" ? 6.0 : 1.0;
}

void do_work(Work& work, const std::string& name, bool gaussian) {
  if (name == "sgemm") work.sgemm();
  if (name == "forward") work.forward();
  if (name == "lora_step") work.lora_step();
  if (name == "mezo_step") gaussian ? work.mezo_step(zofo::Gaussian{}) : work.mezo_step(zofo::Rademacher{});
  if (name == "outer_step")
    gaussian ? work.outer_step(zofo::Gaussian{}) : work.outer_step(zofo::Rademacher{});
}

// Times `name` and, next to each repetition, what its ratio is against: the BLAS's speed where a step is
// arithmetic, a forward's time where it is forwards plus noise. A virtual machine's speed drifts, so the two
// are neighbours in time. The peak is read before the other work starts.
void time_work(const std::string& name, bool gaussian, std::size_t batch, std::size_t seq, int repeats,
               json& line) {
  Work work(batch, seq);
  const bool arithmetic = name == "forward" || name == "lora_step";
  const bool noise = name == "mezo_step" || name == "outer_step";
  for (int warm_up = 0; warm_up < 2; ++warm_up) do_work(work, name, gaussian);
  line["peak_mib"] = peak_mib();
  if (arithmetic) work.sgemm();
  if (noise) work.forward();
  std::vector<double> seconds, ratios;
  for (int i = 0; i < repeats; ++i) {
    const double limit = arithmetic ? seconds_of([&] { work.sgemm(); })
                         : noise    ? seconds_of([&] { work.forward(); })
                                    : 0.0;
    seconds.push_back(seconds_of([&] { do_work(work, name, gaussian); }));
    ratios.push_back(arithmetic ? forwards_of(name) * limit / seconds.back() : seconds.back() / limit);
  }
  const double s = median(seconds);
  line["batch"] = batch;
  line["seq"] = seq;
  line["seconds"] = s;
  line["gflops"] = forwards_of(name) * 2.0 * 106.2e6 * static_cast<double>(batch * seq) / s / 1e9;
  if (arithmetic || noise) line["ratio"] = median(ratios);
  if (noise) line["direction"] = gaussian ? "gaussian" : "rademacher";
}

json measure(const std::string& name, const std::string& direction, std::size_t batch, std::size_t seq,
             int repeats) {
  const CpuTime before = CpuTime::now();
  const double start = seconds_now();
  json line{{"name", name}};
  if (name == "normals") {
    line["per_second"] = zofo::bench::normals_per_second();
    line["peak_mib"] = peak_mib();
  } else {
    time_work(name, direction == "gaussian", batch, seq, repeats, line);
  }
  const CpuTime after = CpuTime::now();
  const double wall = seconds_now() - start;
  line["others_cpu"] = std::max(0.0, ((after.all - before.all) - (after.own - before.own)) / wall);
  return line;
}

json run_alone(const std::string& self, const std::string& arguments) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(fmt::format("'{}' {}", self, arguments).c_str(), "r"),
                                             pclose);
  zofo::require(pipe != nullptr, "cannot start {}", self);
  std::string text;
  std::array<char, 512> buffer{};
  while (fgets(buffer.data(), static_cast<int>(buffer.size()), pipe.get()) != nullptr) text += buffer.data();
  zofo::require(!text.empty(), "the measurement '{}' printed nothing", arguments);
  return json::parse(text);
}

void print(const json& line, bool as_json) {
  if (as_json) {
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print("{:<11}", line["name"].get<std::string>());
    for (const auto& [key, value] : line.items())
      if (value.is_number()) fmt::print(" {} {:.4g}", key, value.get<double>());
    if (line.contains("direction")) fmt::print(" {}", line["direction"].get<std::string>());
    fmt::print("\n");
  }
  if (line["others_cpu"].get<double>() > 0.1)
    fmt::print(stderr, "noisy: other processes used {:.0f} % of a core while {} was measured\n",
               100.0 * line["others_cpu"].get<double>(), line["name"].get<std::string>());
  std::fflush(stdout);
}

// The medians of several rounds, each in a process of its own, far enough apart for the drift to show.
json over_rounds(std::vector<json> lines) {
  const auto residual_of = [&lines](const char* key) {
    std::vector<double> values;
    for (const json& each : lines) values.push_back(each[key].get<double>());
    return median(values);
  };
  json line = lines.front();
  const double operations = line["gflops"].get<double>() * line["seconds"].get<double>();
  for (const char* key : {"seconds", "ratio"})
    if (line.contains(key)) line[key] = residual_of(key);
  line["gflops"] = operations / line["seconds"].get<double>();
  for (const json& each : lines) {
    line["peak_mib"] = std::max(line["peak_mib"].get<double>(), each["peak_mib"].get<double>());
    line["others_cpu"] = std::max(line["others_cpu"].get<double>(), each["others_cpu"].get<double>());
  }
  return line;
}

void run_all(const std::string& self, bool as_json, int rounds, int repeats) {
  const std::vector<std::pair<std::string, std::string>> works{
      {"sgemm", "gaussian"},       {"forward", "gaussian"},     {"lora_step", "gaussian"},
      {"mezo_step", "gaussian"},   {"mezo_step", "rademacher"}, {"outer_step", "gaussian"},
      {"outer_step", "rademacher"}};
  for (const int seq : {32, 64}) {
    std::vector<std::vector<json>> lines(works.size());
    for (int round = 0; round < rounds; ++round)
      for (std::size_t i = 0; i < works.size(); ++i)
        lines[i].push_back(
            run_alone(self, fmt::format("--only {} --direction {} --batch 8 --seq {} --repeats {}",
                                        works[i].first, works[i].second, seq, repeats)));
    for (std::vector<json>& each : lines) print(over_rounds(std::move(each)), as_json);
  }
  print(run_alone(self, "--only normals"), as_json);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Times the CPU transformer on SmolLM2-135M's shape.\nExample: zofo_bench_cpu --json"};
  bool as_json = false;
  std::string only;
  std::string direction = "gaussian";
  std::size_t batch = 8;
  std::size_t seq = 32;
  int rounds = 3;
  int repeats = 5;
  app.add_flag("--json", as_json, "one JSON object a line");
  app.add_option("--only", only, "measure one thing in this process")
      ->check(CLI::IsMember({"sgemm", "forward", "lora_step", "mezo_step", "outer_step", "normals"}));
  app.add_option("--direction", direction, "distribution of the directions")
      ->check(CLI::IsMember({"gaussian", "rademacher"}));
  app.add_option("--batch", batch, "sequences")->check(CLI::Range(1, 1024));
  app.add_option("--seq", seq, "tokens a sequence")->check(CLI::Range(1, 8192));
  app.add_option("--rounds", rounds, "times that everything is measured; medians count")
      ->check(CLI::Range(1, 100));
  app.add_option("--repeats", repeats, "timed repetitions; the median counts")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  if (only.empty())
    run_all(std::filesystem::read_symlink("/proc/self/exe").string(), as_json, rounds, repeats);
  else
    fmt::print("{}\n", measure(only, direction, batch, seq, repeats).dump());
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "zofo_bench_cpu: error: {}\n", error.what());
  return 2;
}
