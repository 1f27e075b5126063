// Selects the device of a command.
#include "device/device.hpp"

#include <optional>
#include <string>

#include "zofo/core/error.hpp"

#ifdef ZOFO_WITH_CUDA
#include "zofo/tensor/cuda/context.hpp"
#endif

namespace zofo::cli {
namespace {

// The reason why no GPU can be used; nothing if one can.
std::optional<std::string> no_gpu() {
#ifdef ZOFO_WITH_CUDA
  return tensor::cuda::Context::unusable(0);
#else
  return "zofo was built without the CUDA backend (configure with -DZOFO_CUDA=ON)";
#endif
}

}  // namespace

llm::DeviceKind kind_of(Device device) {
  return device == Device::cpu ? llm::DeviceKind::cpu : llm::DeviceKind::cuda;
}

llm::Precision precision_of(Device device) {
  return device == Device::cuda_bf16 ? llm::Precision::bf16 : llm::Precision::fp32;
}

Device choose_device(llm::DeviceKind device, llm::Precision precision) {
  llm::RunOptions options;  // of a run that every device supports
  options.max_steps = 1;
  options.device = device;
  options.precision = precision;
  options.check();
  if (device == llm::DeviceKind::cpu) return Device::cpu;
  const std::optional<std::string> reason = no_gpu();
  require(!reason || device == llm::DeviceKind::automatic, "device = \"cuda\": {}", reason.value_or(""));
  if (reason) {
    require(precision != llm::Precision::bf16, "precision = \"bf16\": needs a GPU: {}", *reason);
    return Device::cpu;
  }
  return precision == llm::Precision::fp32 ? Device::cuda_fp32 : Device::cuda_bf16;
}

Device choose_device(llm::RunOptions& options) {
  const Device device = choose_device(options.device, options.precision);
  options.device = kind_of(device);
  options.precision = precision_of(device);
  // A GPU supports fewer directions and optimisers than the CPU.
  llm::with_default_budget(options).check();
  return device;
}

}  // namespace zofo::cli
