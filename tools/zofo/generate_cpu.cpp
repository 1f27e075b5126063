// zofo generate on the CPU.
#include "device.hpp"
#include "generate.hpp"
#include "zofo/train/device.hpp"

namespace zofo::cli {

template <>
int on_cpu(const Generate& command) {
  llm::CpuDevice device;
  return command.on(device);
}

}  // namespace zofo::cli
