// zofo methods --advise: which method for a model and a task, from measurements.
#pragma once

#include <cstdint>

#include "device_flags.hpp"
#include "zofo/train/input_paths.hpp"

namespace zofo::cli {

// What is asked.
struct AdviseArguments {
  llm::InputPaths paths;
  std::uint32_t batch_size = 8;
  std::uint32_t max_prompt_tokens = 0;
  double memory_gib = 0.0;  // to plan for; 0: what can be used here
  bool json = false;
  DeviceFlags device;
};

// Prints the answer. Returns the exit code.
int advise(const AdviseArguments& arguments);

}  // namespace zofo::cli
