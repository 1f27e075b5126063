// The flags --device and --precision of commands without the other options of a run.
#pragma once

#include "cli.hpp"
#include "device/device.hpp"

namespace zofo::cli {

// The values of both flags.
struct DeviceFlags {
  llm::DeviceKind device = llm::DeviceKind::automatic;
  llm::Precision precision = llm::Precision::automatic;

  void add(const Subcommand& command);
  // The device on this machine. Throws Error if it cannot be used.
  [[nodiscard]] Device choose() const;
};

}  // namespace zofo::cli
