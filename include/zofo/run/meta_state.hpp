/// @file What a meta-training must remember to go on as if it had never stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/meta_options.hpp"
#include "zofo/config/option_diff.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/run/checkpointer.hpp"
#include "zofo/run/meta_log.hpp"
#include "zofo/run/packed_pair.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/solver_state.hpp"

namespace zofo::llm {

inline constexpr int meta_state_version = 2;

/// Adds a task's adapters and moments to a state, and reads them back.
inline void save_pair(std::size_t task, const PackedPair& pair, checkpoint::RunState& state) {
  state.numbers["pairs"].push_back({task, pair.lower_steps, pair.upper_steps});
  for (std::size_t i = 0; i < pair.vectors.size(); ++i)
    state.vectors[fmt::format("{}.{}", task, i)] = pair.vectors[i];
}
/// Calls use(task, pair) for every task whose adapters the state holds. Throws Error naming what does not fit
/// `tasks` tasks of adapters of `size` numbers.
template <class Use>
void for_each_saved_pair(const checkpoint::RunState& state, std::size_t tasks, std::size_t size, Use&& use) {
  for (const nlohmann::json& entry : state.number<nlohmann::json>("pairs")) {
    PackedPair pair;
    std::size_t task = 0;
    try {
      task = entry.at(0).get<std::size_t>();
      pair.lower_steps = entry.at(1).get<std::uint64_t>();
      pair.upper_steps = entry.at(2).get<std::uint64_t>();
    } catch (const nlohmann::json::exception& error) {
      fail("saved state: pairs: {}", error.what());
    }
    require(task < tasks, "saved state: pairs: task {}: must be below {}", task, tasks);
    for (std::size_t i = 0; i < pair.vectors.size(); ++i) {
      const std::string name = fmt::format("{}.{}", task, i);
      const Eigen::VectorXf* const x = state.vector(name);
      const bool fits =
          x != nullptr && (static_cast<std::size_t>(x->size()) == size || (i >= 2 && x->size() == 0));
      require(fits, "saved state: vector '{}': must have {} numbers", name, size);
      pair.vectors[i] = *x;
    }
    use(task, pair);
  }
}

/// Adds what a variance reduction remembers, beside its anchor's θ̃, which the trajectory says, and reads it
/// back; `Reduction` is the solver's. Throws Error naming what is missing or of another size.
template <class Device, class Reduction>
void save_reduction(Device& device, const Reduction& reduction, checkpoint::RunState& state) {
  state.numbers["reduction"] = to_json(reduction.remembered);
  state.numbers["anchor_penalty"] = reduction.penalty;
  for (std::size_t task = 0; task < reduction.adapters.size(); ++task) {
    state.vectors[fmt::format("anchor_p.{}", task)] = device.host(reduction.adapters[task].p);
    state.vectors[fmt::format("anchor_s.{}", task)] = device.host(reduction.adapters[task].s);
  }
}
template <class Device, class Reduction>
void load_reduction(Device& device, const checkpoint::RunState& state, std::size_t tasks, std::size_t size,
                    Reduction& reduction) {
  try {
    reduction.remembered = reduction_from(state.number<nlohmann::json>("reduction"));
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: reduction: {}", error.what());
  }
  reduction.penalty = state.number<double>("anchor_penalty");
  if (!reduction.remembered.anchor) return;
  const auto adapter = [&](const char* name, std::size_t task) {
    const std::string full = fmt::format("{}.{}", name, task);
    const Eigen::VectorXf* const x = state.vector(full);
    require(x != nullptr && static_cast<std::size_t>(x->size()) == size,
            "saved state: vector '{}': must have {} numbers", full, size);
    return device.vector(*x);
  };
  reduction.adapters.clear();
  for (std::size_t task = 0; task < tasks; ++task)
    reduction.adapters.push_back({adapter("anchor_p", task), adapter("anchor_s", task)});
}

/// The state that a run folder holds. Throws Error naming the file where there is none or it is damaged.
inline checkpoint::RunState read_meta_state(const RunFolder& folder) {
  const std::filesystem::path path = folder.file(state_file);
  require(std::filesystem::exists(path), "{}: no saved state: this run cannot be resumed, begin it anew",
          path.string());
  checkpoint::RunState state = checkpoint::read_run_state(path);
  require(state.number<std::string>("of") == "meta-train", "{}: not the state of a meta-training",
          path.string());
  const int version = state.number<int>("version");
  require(version == meta_state_version, "{}: version = {}: this program reads {}", path.string(), version,
          meta_state_version);
  return state;
}

/// The options that a saved run was begun with.
inline MetaTrainOptions meta_options_of(const checkpoint::RunState& saved) {
  MetaTrainOptions options;
  parse_toml(options, saved.number<std::string>("options"), "saved state: options");
  return options;
}

/// Throws Error naming the first option that must not change when a run is resumed, and where nothing is left
/// to do.
inline void check_meta_changes(const MetaTrainOptions& begun, const MetaTrainOptions& given,
                               const checkpoint::RunState& saved) {
  constexpr std::string_view extendable[] = {"steps",        "seconds",    "curve_points",
                                             "save_seconds", "save_steps", "in_memory"};
  refuse_changes<MetaTrainOptions>(begun, given, extendable);
  const MetaTally tally = tally_of(saved);
  require(given.steps == 0 || given.steps > tally.steps,
          "steps = {}: the run has taken {} already: raise it to go on", given.steps, tally.steps);
  require(given.seconds == 0.0 || given.seconds > tally.seconds,
          "seconds = {}: the run has taken {:.1f} already: raise it to go on", given.seconds, tally.seconds);
}

}  // namespace zofo::llm
