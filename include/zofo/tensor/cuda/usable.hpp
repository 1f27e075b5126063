/// @file Whether a GPU can be used, and the reason if not.
#pragma once

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <optional>
#include <string>

namespace zofo::tensor::cuda {

/// What the driver reports about the machine. Versions are CUDA's: 13000 is 13.0.
struct DriverView {
  int driver = 0;                    ///< newest CUDA version that the driver supports; 0: no driver
  int runtime = 0;                   ///< CUDA version of this program
  cudaError_t status = cudaSuccess;  ///< of counting the GPUs
  int gpus = 0;                      ///< number of GPUs
  std::string name;                  ///< of the requested GPU
  int major = 0;                     ///< compute capability of the requested GPU
  int minor = 0;                     ///< likewise
};

/// The reason why GPU `device` cannot be used; nothing if it can.
inline std::optional<std::string> reason_against(const DriverView& view, int device) {
  const auto version = [](int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); };
  if (view.driver == 0) return "no NVIDIA driver is installed";
  if (view.status == cudaErrorInsufficientDriver)
    return fmt::format("the NVIDIA driver is too old: it supports CUDA {}, this program needs {}",
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

/// What the driver of this machine reports.
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
  cudaGetLastError();  // an error here must not be reported by a later launch
  return view;
}

}  // namespace zofo::tensor::cuda
