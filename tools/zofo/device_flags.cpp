#include "device_flags.hpp"

namespace zofo::cli {

void DeviceFlags::add(const Subcommand& command) {
  command.add_choice("--device", device, "auto (a GPU if there is one), cpu or cuda", "device");
  command.add_choice("--precision", precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32",
                     "precision");
}

Device DeviceFlags::choose() const { return choose_device(device, precision); }

}  // namespace zofo::cli
