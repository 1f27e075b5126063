// Training and adapting on the CPU.
#include "adapt.hpp"
#include "device.hpp"
#include "train.hpp"

namespace zofo::cli {

template <>
int on_cpu(const Train& command) {
  llm::CpuDevice device;
  return command.on(device);
}
template <>
int on_cpu(const Adapt& command) {
  llm::CpuDevice device;
  return command.on(device);
}

}  // namespace zofo::cli
