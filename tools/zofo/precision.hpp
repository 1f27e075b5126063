// The flags --device and --precision of commands that have no other options of a run.
#pragma once

#include "cli.hpp"
#include "device.hpp"

namespace zofo::cli {

struct Precision {
  llm::DeviceKind device = llm::DeviceKind::automatic;
  llm::Precision precision = llm::Precision::automatic;

  void add(CLI::App& command) {
    add_choice(command, "--device", device, "auto (a GPU if there is one), cpu or cuda", "device");
    add_choice(command, "--precision", precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32",
               "precision");
  }
  [[nodiscard]] Device choose() const {
    llm::RunOptions options;
    options.max_steps = 1;
    options.device = device;
    options.precision = precision;
    options.check();
    return choose_device(device, precision);
  }
};

}  // namespace zofo::cli
