/// @file Why a GPU cannot be used, in words that say what to do.
#pragma once

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <optional>
#include <string>

namespace zofo::tensor::cuda {

/// What the driver tells about the machine. Versions are CUDA's: 13000 is 13.0; 0 where there is no driver.
struct DriverView {
  int driver = 0, runtime = 0;
  cudaError_t status = cudaSuccess;  ///< of counting the GPUs
  int gpus = 0;
  std::string name;  ///< of the GPU asked for, as are the next two
  int major = 0, minor = 0;
};

/// The reason why GPU `device` cannot be used, or nothing.
inline std::optional<std::string> reason_against(const DriverView& view, int device) {
  const auto version = [](int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); };
  if (view.driver == 0) return "no NVIDIA driver is installed";
  if (view.status == cudaErrorInsufficientDriver)
    return fmt::format("the NVIDIA driver is too old: it brings CUDA {}, this program needs {}",
                       version(view.driver), version(view.runtime));
  if (view.status == cudaErrorNoDevice || (view.status == cudaSuccess && view.gpus == 0))
    return "the driver finds no GPU (an empty CUDA_VISIBLE_DEVICES hides them)";
  if (view.status != cudaSuccess)
    return fmt::format("{} ({})", cudaGetErrorString(view.status), cudaGetErrorName(view.status));
  if (device < 0 || device >= view.gpus)
    return view.gpus == 1 ? fmt::format("device = {}: must be 0, there is 1 GPU", device)
                           : fmt::format("device = {}: must be in [0, {}], there are {} GPUs", device,
                                         view.gpus - 1, view.gpus);
  if (view.major < 8)
    return fmt::format("needs compute capability 8.0 or newer: {} has {}.{}", view.name, view.major,
                       view.minor);
  return std::nullopt;
}

/// What the driver of this machine tells.
inline DriverView driver_view(int device) {
  DriverView view;
  if (cudaDriverGetVersion(&view.driver) != cudaSuccess) view.driver = 0;
  cudaRuntimeGetVersion(&view.runtime);
  view.status = cudaGetDeviceCount(&view.gpus);
  cudaDeviceProp properties{};
  if (view.status == cudaSuccess && device >= 0 && device < view.gpus) {
    view.status = cudaGetDeviceProperties(&properties, device);
    view.name = properties.name;
    view.major = properties.major;
    view.minor = properties.minor;
  }
  cudaGetLastError();  // a refusal is an answer here, no error of a later launch
  return view;
}

}  // namespace zofo::tensor::cuda
