/// @file The tasks' adapters and the states of their optimisers: recently used ones in memory, the others on
/// disk.
#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/bilevel/inner_round.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"
#include "zofo/inner/adam.hpp"
#include "zofo/run/state_archive.hpp"

namespace zofo::llm {

/// The initial values of a run's adapters, and how many stay in memory.
struct AdapterStoreOptions {
  std::filesystem::path folder;  ///< of the files of adapters that are not in memory; made when needed
  std::size_t max_resident = 0;  ///< tasks whose adapters are kept in memory; 0: all
  std::size_t tasks = 1;         ///< number of tasks
  Eigen::VectorXf initial;       ///< initial values of every adapter
};

/// Keeps the adapters of at most `max_resident` tasks in memory and stores the others in files, bit for bit.
/// A task's adapters are made when they are first needed. The pairs and the states belong to the solver.
/// Borrows the device.
template <class Device, class Inner = inner::Adam>
class AdapterStore {
 public:
  using Vector = typename Device::Backend::Vector;       ///< an adapter
  using Pairs = std::vector<AdapterPair<Vector>>;        ///< p and s of each task
  using States = std::vector<TaskState<Inner, Vector>>;  ///< optimiser states of each task

  /// No adapter exists yet.
  AdapterStore(Device& device, AdapterStoreOptions options)
      : device_(device),
        options_(std::move(options)),
        locations_(options_.tasks, Location::start),
        used_(options_.tasks, 0) {}
  AdapterStore(const AdapterStore&) = delete;
  AdapterStore& operator=(const AdapterStore&) = delete;
  ~AdapterStore() {
    std::error_code ignored;
    if (wrote_files_) std::filesystem::remove_all(options_.folder, ignored);
  }

  /// Empty pairs for all tasks.
  [[nodiscard]] Pairs empty_pairs() const {
    Pairs pairs;
    for (std::size_t task = 0; task < options_.tasks; ++task) pairs.push_back(empty_pair());
    return pairs;
  }
  /// Reads the adapters of the tasks `wanted` into memory. Writes the least recently used ones to disk if
  /// they would be too many. Throws Error naming a file that cannot be written or read.
  void fetch(std::span<const std::size_t> wanted, Pairs& pairs, States& states) {
    ++now_;
    for (const std::size_t task : wanted) used_[task] = now_;
    if (options_.max_resident > 0) evict(wanted.size(), pairs, states);
    for (const std::size_t task : wanted) {
      if (locations_[task] == Location::start) start(pairs[task], states[task]);
      if (locations_[task] == Location::disk) read(read_file(task), task, pairs, states);
      locations_[task] = Location::memory;
    }
  }
  /// Resets all adapters to their initial values, and the optimisers' states.
  void reset(Pairs& pairs, States& states) {
    for (std::size_t task = 0; task < options_.tasks; ++task) {
      locations_[task] = Location::start;
      pairs[task] = empty_pair();
      states[task] = {};
    }
  }

  /// Adds the adapters that were used and their optimisers' states to a saved state.
  void save(Pairs& pairs, States& states, checkpoint::RunState& out) const {
    for (std::size_t task = 0; task < options_.tasks; ++task) {
      if (locations_[task] == Location::start) continue;
      checkpoint::RunState one = packed(task, pairs, states);
      out.json().update(one.json());
      out.vectors.merge(one.vectors);
    }
  }
  /// Loads them from a saved state; at most `max_resident` stay in memory. Throws Error naming what does not
  /// fit.
  void load(const checkpoint::RunState& in, Pairs& pairs, States& states) {
    for (std::size_t task = 0; task < options_.tasks; ++task) {
      if (!in.json().contains(name(task))) continue;
      const std::size_t own[] = {task};
      fetch(own, pairs, states);
      read(in, task, pairs, states);
    }
  }
  /// A copy of a task's p or s on the host.
  [[nodiscard]] Eigen::VectorXf adapter(std::size_t task, Level level, const Pairs& pairs) const {
    if (locations_[task] == Location::start) return options_.initial;
    if (locations_[task] == Location::memory)
      return device_.host(level == Level::upper ? pairs[task].upper : pairs[task].lower);
    AdapterPair<Vector> pair = empty_pair();
    TaskState<Inner, Vector> state;
    load_values(device_, name(task), read_file(task), size(), pair.upper, pair.lower, state);
    return device_.host(level == Level::upper ? pair.upper : pair.lower);
  }
  /// Number of tasks whose adapters are in memory.
  [[nodiscard]] std::size_t resident() const {
    return static_cast<std::size_t>(std::ranges::count(locations_, Location::memory));
  }

 private:
  enum class Location : std::uint8_t { start, memory, disk };

  static std::string name(std::size_t task) { return fmt::format("adapters {}", task); }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(options_.initial.size()); }
  [[nodiscard]] AdapterPair<Vector> empty_pair() const {
    return {device_.vector(Eigen::VectorXf()), device_.vector(Eigen::VectorXf())};
  }
  void start(AdapterPair<Vector>& pair, TaskState<Inner, Vector>& state) const {
    pair = {device_.vector(options_.initial), device_.vector(options_.initial)};
    state = {};
  }
  [[nodiscard]] std::filesystem::path file(std::size_t task) const {
    return options_.folder / fmt::format("{}.bin", task);
  }
  [[nodiscard]] checkpoint::RunState read_file(std::size_t task) const {
    return checkpoint::read_run_state(file(task));
  }
  void read(const checkpoint::RunState& in, std::size_t task, Pairs& pairs, States& states) const {
    AdapterPair<Vector> pair = empty_pair();
    TaskState<Inner, Vector> state;
    load_values(device_, name(task), in, size(), pair.upper, pair.lower, state);
    pairs[task] = std::move(pair);
    states[task] = std::move(state);
  }
  [[nodiscard]] checkpoint::RunState packed(std::size_t task, Pairs& pairs, States& states) const {
    if (locations_[task] == Location::disk) return read_file(task);
    checkpoint::RunState out;
    save_values(device_, name(task), out, pairs[task].upper, pairs[task].lower, states[task]);
    return out;
  }
  // Frees memory for all adapters of a step, which may be more than `max_resident`.
  void evict(std::size_t wanted, Pairs& pairs, States& states) {
    std::vector<std::size_t> idle;
    for (std::size_t task = 0; task < options_.tasks; ++task)
      if (locations_[task] == Location::memory && used_[task] != now_) idle.push_back(task);
    std::ranges::stable_sort(idle, {}, [&](std::size_t task) { return used_[task]; });
    const std::size_t stay = options_.max_resident > wanted ? options_.max_resident - wanted : 0;
    for (std::size_t i = 0; i + stay < idle.size(); ++i) write(idle[i], pairs, states);
  }
  void write(std::size_t task, Pairs& pairs, States& states) {
    std::error_code error;
    std::filesystem::create_directories(options_.folder, error);
    require(!error, "{}: cannot be made: {}", options_.folder.string(), error.message());
    wrote_files_ = true;
    zofo::write_atomically(file(task), checkpoint::to_bytes(packed(task, pairs, states)));
    locations_[task] = Location::disk;
    pairs[task] = empty_pair();
    states[task] = {};
  }

  Device& device_;
  AdapterStoreOptions options_;
  std::vector<Location> locations_;
  std::vector<std::uint64_t> used_;  ///< the call of fetch that last wanted a task
  std::uint64_t now_ = 0;
  bool wrote_files_ = false;
};

}  // namespace zofo::llm
