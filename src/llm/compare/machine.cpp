#include "zofo/compare/machine.hpp"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>

namespace zofo::compare {

std::size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return static_cast<std::size_t>(std::max(count, 1));
}

namespace {

/// The value of the first line "NAME : VALUE" of a file; empty if there is no such line.
std::string field_of(const std::filesystem::path& path, std::string_view name) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos) continue;
    const std::size_t text = line.find_first_not_of(" \t", colon + 1);
    return text == std::string::npos ? "" : line.substr(text);
  }
  return "";
}

}  // namespace

nlohmann::json machine() {
  utsname name{};
  uname(&name);
  nlohmann::json gpus = nlohmann::json::array();
  std::error_code ignored;  // without a driver there are no GPUs
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", ignored))
    gpus.push_back(field_of(gpu.path() / "information", "Model"));
  return {{"processor", field_of("/proc/cpuinfo", "model name")},
          {"cores", usable_cores()},
          {"memory", field_of("/proc/meminfo", "MemTotal")},
          {"system", std::string(name.sysname) + " " + name.release + " " + name.machine},
          {"compiler", __VERSION__},
          {"gpus", gpus}};
}

}  // namespace zofo::compare
