/// @file Recomputes a run's weights from its initial model and its trajectory, and compares them with the
/// recorded hash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "zofo/config/run_options.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/train/device.hpp"

namespace zofo::llm {

/// How far a run is replayed.
struct ReplayRequest {
  std::optional<std::uint32_t> to = {};  ///< steps; unset: those of the selected model
  std::string model_name = "the model";  ///< in errors
};

/// The result of a replay.
struct Replayed {
  std::string what;         ///< "theta" or "adapter": what the run's zeroth-order updates changed
  std::string hash;         ///< of it
  std::uint32_t steps = 0;  ///< that were replayed
  bool verified = false;    ///< the run recorded this hash
  double seconds = 0.0;     ///< of the replay
};

/// Replays a run's trajectory on the initial model, whose weights change. Throws Error where the model is
/// another one, the trajectory is shorter, or the result is not what the run recorded. A program with its own
/// Device includes train/impl/verify_run.hpp.
template <class Device>
Replayed verify_run(Device& device, Model& model, const std::filesystem::path& run, const RunOptions& o,
                    const ReplayRequest& request = {});

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_VERIFY_INSTANCES(PREFIX, DEVICE)                                                           \
  PREFIX template Replayed verify_run(DEVICE&, Model&, const std::filesystem::path&, const RunOptions&, \
                                      const ReplayRequest&);

// zofo::llm holds those of the CPU.
ZOFO_VERIFY_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
