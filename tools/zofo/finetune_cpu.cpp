// Fine-tuning on the CPU.
#include "device.hpp"
#include "finetune.hpp"

namespace zofo::cli {

template <>
int on_cpu(const Finetune& command) {
  llm::CpuDevice device;
  return command.on(device);
}

}  // namespace zofo::cli
