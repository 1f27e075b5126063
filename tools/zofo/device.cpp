// Which device a command uses.
#include "device.hpp"

#ifdef ZOFO_WITH_CUDA
#include "zofo/tensor/cuda/context.hpp"
#endif

namespace zofo::cli {
namespace {

// Why no card can be used; nothing if one can.
std::optional<std::string> no_card() {
#ifdef ZOFO_WITH_CUDA
  return tensor::cuda::Context::unusable(0);
#else
  return "this program was built without the CUDA backend (configure with -DZOFO_CUDA=ON)";
#endif
}

}  // namespace

Device choose_device(const std::string& device, const std::string& precision) {
  if (device == "cpu") return Device::cpu;
  const std::optional<std::string> reason = no_card();
  require(!reason || device == "auto", "device = \"cuda\": {}", reason.value_or(""));
  if (reason) {
    require(precision != "bf16", "precision = \"bf16\": needs a GPU: {}", *reason);
    return Device::cpu;
  }
  return precision == "fp32" ? Device::cuda_fp32 : Device::cuda_bf16;
}

}  // namespace zofo::cli
