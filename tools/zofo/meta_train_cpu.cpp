// Meta-training and adaptation on the CPU.
#include "adapt.hpp"
#include "device.hpp"
#include "meta_train.hpp"
#include "zofo/train/device.hpp"

namespace zofo::cli {

template <>
int on_cpu(const MetaTrain& command) {
  llm::CpuDevice device;
  return command.on(device);
}
template <>
int on_cpu(const Adapt& command) {
  llm::CpuDevice device;
  return command.on(device);
}

}  // namespace zofo::cli
