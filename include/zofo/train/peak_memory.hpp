/// @file The most memory this process has held.
#pragma once

#include <fstream>
#include <limits>
#include <string>

namespace zofo::llm {

/// Peak resident memory in MiB (VmHWM of /proc/self/status); 0 where the system doesn't tell.
inline double peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word; status.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    double kib = 0.0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024.0;
  }
  return 0.0;
}

}  // namespace zofo::llm
