// Where the program's commands and the functions of the Python package compute.
#pragma once

#include <memory>

#include "zofo/config/option_enums.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/train/device.hpp"
#ifdef ZOFO_WITH_CUDA
#include "zofo/train/cuda/instances.hpp"
#endif

namespace zofo::cli {

// A device and the precision of its weights.
enum class Device { cpu, cuda_bf16, cuda_fp32 };

// The option `device` that means `device`: cpu or cuda.
llm::DeviceKind kind_of(Device device);
// The same of the option `precision`: bf16 or fp32.
llm::Precision precision_of(Device device);

// The device on this machine for the options `device` and `precision`. Throws Error if the two do not fit
// together, or with the reason if a requested GPU cannot be used.
Device choose_device(llm::DeviceKind device, llm::Precision precision);

// The device of a run, whose options then have the values that replace "auto". Throws Error also where the
// device does not support the options.
Device choose_device(llm::RunOptions& options);

// Opens the device and returns f(std::unique_ptr to it). The libraries contain the compiled functions for
// each device.
template <class F>
auto open_device(Device device, const F& f, [[maybe_unused]] bool deterministic = false) {
#ifdef ZOFO_WITH_CUDA
  tensor::cuda::Context::Options options;
  options.deterministic = deterministic;
  if (device == Device::cuda_bf16) return f(std::make_unique<llm::CudaDevice<tensor::cuda::bf16>>(options));
  if (device == Device::cuda_fp32) return f(std::make_unique<llm::CudaDevice<float>>(options));
#endif
  (void)device;
  return f(std::make_unique<llm::CpuDevice>());
}

// Returns `command.on(device)` for the opened device.
template <class Command>
auto on_device(Device device, const Command& command, bool deterministic = false) {
  return open_device(device, [&command](const auto& opened) { return command.on(*opened); }, deterministic);
}

}  // namespace zofo::cli
