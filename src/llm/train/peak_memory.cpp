#include "zofo/train/peak_memory.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace zofo::llm {

double peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word; status.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    double kib = 0.0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024.0;
  }
  return 0.0;
}

}  // namespace zofo::llm
