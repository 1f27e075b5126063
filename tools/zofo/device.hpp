// The devices of a command.
#pragma once

#include "zofo/config/option_enums.hpp"
#include "zofo/train/device.hpp"
#ifdef ZOFO_WITH_CUDA
#include "zofo/train/cuda/instances.hpp"
#endif

namespace zofo::cli {

// Where a command computes, and in which precision.
enum class Device { cpu, cuda_bf16, cuda_fp32 };

// The device of --device and --precision on this machine. Throws Error with the reason if a requested GPU
// cannot be used.
Device choose_device(llm::DeviceKind device, llm::Precision precision);

// Calls `command.on(device)`. The libraries contain the compiled functions for each device.
template <class Command>
int on_device(Device device, const Command& command, [[maybe_unused]] bool deterministic = false) {
#ifdef ZOFO_WITH_CUDA
  tensor::cuda::Context::Options options;
  options.deterministic = deterministic;
  if (device == Device::cuda_bf16) {
    llm::CudaDevice<tensor::cuda::bf16> gpu(options);
    return command.on(gpu);
  }
  if (device == Device::cuda_fp32) {
    llm::CudaDevice<float> gpu(options);
    return command.on(gpu);
  }
#endif
  (void)device;
  llm::CpuDevice cpu;
  return command.on(cpu);
}

}  // namespace zofo::cli
