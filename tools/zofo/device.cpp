// Selects the device of a command.
#include "device.hpp"

#include <optional>
#include <string>

#include "device_flags.hpp"
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

void DeviceFlags::add(const Subcommand& command) {
  command.add_choice("--device", device, "auto (a GPU if there is one), cpu or cuda", "device");
  command.add_choice("--precision", precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32",
                     "precision");
}

Device DeviceFlags::choose() const {
  llm::RunOptions options;
  options.max_steps = 1;
  options.device = device;
  options.precision = precision;
  options.check();
  return choose_device(device, precision);
}

}  // namespace zofo::cli
