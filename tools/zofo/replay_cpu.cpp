// Replaying on the CPU.
#include "device.hpp"
#include "replay.hpp"
#include "zofo/train/device.hpp"

namespace zofo::cli {

template <>
int on_cpu(const Replay& command) {
  llm::CpuDevice device;
  return command.on(device);
}

}  // namespace zofo::cli
