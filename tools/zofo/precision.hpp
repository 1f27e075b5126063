// The flags --device and --precision of commands that have no other options of a run.
#pragma once

#include <string>

#include "cli.hpp"
#include "device.hpp"

namespace zofo::cli {

struct Precision {
  std::string device = "auto";
  std::string precision = "auto";

  void add(CLI::App& command) {
    command.add_option("--device", device, "auto (a GPU if there is one), cpu or cuda")
        ->capture_default_str();
    command.add_option("--precision", precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32")
        ->capture_default_str();
  }
  [[nodiscard]] Device choose() const {
    llm::Options options;
    options.steps = 1;
    options.device = device;
    options.precision = precision;
    options.check();
    return choose_device(device, precision);
  }
};

}  // namespace zofo::cli
