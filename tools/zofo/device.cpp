// Which device a command uses.
#include "device.hpp"

#include <optional>
#include <string>

#include "zofo/core/error.hpp"

#ifdef ZOFO_WITH_CUDA
#include "zofo/tensor/cuda/context.hpp"
#endif

namespace zofo::cli {
namespace {

// Why no GPU can be used; nothing if one can.
std::optional<std::string> no_gpu() {
#ifdef ZOFO_WITH_CUDA
  return tensor::cuda::Context::unusable(0);
#else
  return "this program was built without the CUDA backend (configure with -DZOFO_CUDA=ON)";
#endif
}

}  // namespace

Device choose_device(llm::DeviceKind device, llm::Precision precision) {
  if (device == llm::DeviceKind::cpu) return Device::cpu;
  const std::optional<std::string> reason = no_gpu();
  require(!reason || device == llm::DeviceKind::automatic, "device = \"cuda\": {}", reason.value_or(""));
  if (reason) {
    require(precision != llm::Precision::bf16, "precision = \"bf16\": needs a GPU: {}", *reason);
    return Device::cpu;
  }
  return precision == llm::Precision::fp32 ? Device::cuda_fp32 : Device::cuda_bf16;
}

}  // namespace zofo::cli
