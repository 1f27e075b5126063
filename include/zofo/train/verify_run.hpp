/// @file A run's weights made again from the model that it began with and its trajectory, and compared with
/// what the run recorded.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/model/initial_adapter.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/train/device.hpp"

namespace zofo::llm {

/// How far a run is replayed.
struct ReplayRequest {
  std::optional<std::uint32_t> to = {};  ///< steps; unset: those of the selected model
  std::string model_name = "the model";  ///< in errors
};

/// What a replay came to.
struct Replayed {
  std::string what;  ///< "theta" or "adapter": what the run's zeroth-order updates changed
  std::string hash;  ///< of it
  std::uint32_t steps = 0;
  bool verified = false;  ///< the run recorded this hash
  double seconds = 0.0;
};

namespace detail {

/// What a run's result.json records; empty where the run never wrote one.
inline nlohmann::json recorded_result(const std::filesystem::path& run) {
  const std::filesystem::path path = run / "result.json";
  if (!std::filesystem::exists(path)) return nlohmann::json::object();
  try {
    nlohmann::json entry = checkpoint::JsonFields::load(path).object();
    if (entry.contains("methods"))
      entry = nlohmann::json(entry.at("methods").at(0));
    else if (!entry.contains("theta_hash"))
      return nlohmann::json::object();  // of an older meta-training
    static_cast<void>(entry.at("served_steps").get<std::uint32_t>());
    for (const char* hash : {"model_hash", "theta_hash", "adapter_hash"})
      static_cast<void>(entry.at(hash).get<std::string>());
    return entry;
  } catch (const nlohmann::json::exception& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

template <class Theta>
Replayed replay_weights(const RunOptions& o, const std::vector<TrajectoryStep>& trajectory, std::uint32_t end,
                        Theta& theta) {
  const auto start = std::chrono::steady_clock::now();
  replay(make_perturbation(o, theta), make_outer(o), trajectory, end, theta);
  Replayed done;
  done.hash = hash_of(theta);
  done.steps = end;
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return done;
}

}  // namespace detail

/// Replays a run's trajectory on the model that the run began with, whose weights change. Throws Error where
/// the model is another one, the trajectory is shorter, or the result is not what the run recorded.
template <class Device>
Replayed verify_run(Device& device, Model& model, const std::filesystem::path& run, const RunOptions& o,
                    const ReplayRequest& request = {}) {
  const nlohmann::json recorded = detail::recorded_result(run);
  const auto trajectory = read_trajectory(run / "trajectory.jsonl");
  const std::string found = hash_of_model(model.parameters);
  const std::string wanted = recorded.value("model_hash", found);
  require(found == wanted, "{}: fingerprint {}: the run was begun with {}", request.model_name, found,
          wanted);
  const auto last = static_cast<std::uint32_t>(trajectory.size());
  const std::uint32_t selected = std::min(recorded.value("served_steps", last), last);
  const std::uint32_t end = request.to.value_or(selected);
  const bool of_adapter = o.trains() == Trains::adapter_by_estimates;
  auto& theta = device.place(model.parameters);
  Replayed done;
  if (of_adapter) {
    const model::Config& config = model.parameters.config();
    const peft::Adapter layout = make_adapter(config, o);
    model::BasicTransformer<typename Device::Backend> transformer(device.backend(), config, layout);
    Eigen::VectorXf x = model::initial_adapter(transformer, theta, layout, o.seed);
    done = detail::replay_weights(o, trajectory, end, x);
  } else {
    done = detail::replay_weights(o, trajectory, end, theta);
  }
  done.what = of_adapter ? "adapter" : "theta";
  const std::string hash = end == selected ? recorded.value(done.what + "_hash", "") : "";
  require(hash.empty() || done.hash == hash, "{}: {} after {} steps has the hash {}: the run recorded {}",
          run.string(), done.what, end, done.hash, hash);
  done.verified = !hash.empty();
  return done;
}

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_VERIFY_INSTANCES(PREFIX, DEVICE)                                                              \
  PREFIX template Replayed verify_run(DEVICE&, Model&, const std::filesystem::path&, const RunOptions&,    \
                                      const ReplayRequest&);

// zofo::llm holds those of the CPU.
ZOFO_VERIFY_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
