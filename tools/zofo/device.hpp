// The devices that a command may use.
#pragma once

#include "zofo/config/option_enums.hpp"

namespace zofo::cli {

// Where a command computes, and in which precision.
enum class Device { cpu, cuda_bf16, cuda_fp32 };

// What --device and --precision come to on this machine. Throws Error that says why a GPU that was asked for
// cannot be used.
Device choose_device(llm::DeviceKind device, llm::Precision precision);

// `command.on(device)` with the device of the options; each is compiled in a file of its own.
template <class Command>
int on_cpu(const Command& command);
template <class Command>
int on_cuda_bf16(const Command& command);
template <class Command>
int on_cuda_fp32(const Command& command);

template <class Command>
int on_device(Device device, const Command& command) {
#ifdef ZOFO_WITH_CUDA
  if (device == Device::cuda_bf16) return on_cuda_bf16(command);
  if (device == Device::cuda_fp32) return on_cuda_fp32(command);
#endif
  (void)device;
  return on_cpu(command);
}

}  // namespace zofo::cli
