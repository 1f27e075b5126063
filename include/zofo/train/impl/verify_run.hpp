/// @file Templates of train/verify_run.hpp, for a program with its own device.
#pragma once

#include <Eigen/Core>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "zofo/config/make_adapter.hpp"
#include "zofo/core/trajectory.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/run/fingerprint.hpp"
#include "zofo/run/replay.hpp"
#include "zofo/runtime/make_policies.hpp"
#include "zofo/train/start_adapter.hpp"
#include "zofo/train/verify_run.hpp"

namespace zofo::llm {

namespace detail {

/// What a replay computes and what the run recorded of it.
struct ReplayPlan {
  std::vector<TrajectoryStep> trajectory;
  std::uint32_t steps = 0;
  bool adapter = false;  ///< zeroth-order updates changed an adapter, else θ
  std::string hash;      ///< recorded after that many steps; empty: none
};

/// Reads the run's records. Throws Error where the model is not the run's initial one.
ReplayPlan plan_replay(const model::Parameters& theta_0, const std::filesystem::path& run,
                       const RunOptions& o, const ReplayRequest& request);

/// Sets what and verified. Throws Error where the hash is not the recorded one.
void verify_hash(Replayed& done, const ReplayPlan& plan, const std::filesystem::path& run);

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

template <class Device>
Replayed verify_run(Device& device, Model& model, const std::filesystem::path& run, const RunOptions& o,
                    const ReplayRequest& request) {
  const detail::ReplayPlan plan = detail::plan_replay(model.parameters, run, o, request);
  auto& theta = device.place(model.parameters);
  Replayed done;
  if (plan.adapter) {
    const model::Config& config = model.parameters.config();
    const peft::Adapter layout = make_adapter(config, o);
    model::BasicTransformer<typename Device::Backend> transformer(device.backend(), config, layout);
    Eigen::VectorXf x = first_adapter(transformer, theta, layout, o, run);
    done = detail::replay_weights(o, plan.trajectory, plan.steps, x);
  } else {
    done = detail::replay_weights(o, plan.trajectory, plan.steps, theta);
  }
  detail::verify_hash(done, plan, run);
  return done;
}

}  // namespace zofo::llm
