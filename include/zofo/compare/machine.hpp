/// @file The machine that a comparison runs on.
#pragma once

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>

namespace zofo::compare {

/// Cores that this process may use.
inline std::size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return static_cast<std::size_t>(std::max(count, 1));
}

namespace detail {

/// What follows "NAME :" in the first line of a file of such lines; empty if there is none.
inline std::string field_of(const std::filesystem::path& path, std::string_view name) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos) continue;
    const std::size_t text = line.find_first_not_of(" \t", colon + 1);
    return text == std::string::npos ? "" : line.substr(text);
  }
  return "";
}

}  // namespace detail

/// Processor, cores, memory, system, compiler and NVIDIA GPUs, as far as the system tells.
inline nlohmann::json machine() {
  utsname name{};
  uname(&name);
  nlohmann::json gpus = nlohmann::json::array();
  std::error_code ignored;  // no driver, no GPUs
  for (const auto& gpu : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", ignored))
    gpus.push_back(detail::field_of(gpu.path() / "information", "Model"));
  return {{"processor", detail::field_of("/proc/cpuinfo", "model name")},
          {"cores", usable_cores()},
          {"memory", detail::field_of("/proc/meminfo", "MemTotal")},
          {"system", std::string(name.sysname) + " " + name.release + " " + name.machine},
          {"compiler", __VERSION__},
          {"gpus", gpus}};
}

}  // namespace zofo::compare
