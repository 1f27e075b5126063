// Evaluating and scoring on the CPU.
#include "device.hpp"
#include "evaluate.hpp"
#include "score.hpp"
#include "zofo/train/device.hpp"

namespace zofo::cli {

template <>
int on_cpu(const Evaluate& command) {
  llm::CpuDevice device;
  return command.on(device);
}
template <>
int on_cpu(const Score& command) {
  llm::CpuDevice device;
  return command.on(device);
}

}  // namespace zofo::cli
