/// @file Decides when a run saves its state, and saves it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_state.hpp"

namespace zofo::llm {

/// Saves the states of a run. Saves by time take less than 1 % of the training time. Keeps a reference to the
/// folder.
class Checkpointer {
 public:
  /// Saves after `every_seconds` seconds of training and after `every_steps` steps; 0: not by that measure.
  Checkpointer(const RunFolder& folder, double every_seconds, std::uint32_t every_steps)
      : folder_(folder), every_seconds_(every_seconds), every_steps_(every_steps) {}

  /// True if states are saved during the run.
  [[nodiscard]] bool saves() const { return every_seconds_ > 0.0 || every_steps_ > 0; }
  /// Sets the training time from which the next interval counts.
  void start(double seconds) { last_ = seconds; }
  /// True if a state must be saved now.
  [[nodiscard]] bool due(std::uint32_t steps, double seconds) const {
    if (every_steps_ > 0 && steps % every_steps_ == 0) return true;
    return every_seconds_ > 0.0 && seconds - last_ >= std::max(every_seconds_, cost_ / largest_share);
  }
  /// Writes the state that `pack()` returns; `pack()` must first write the log of the run to disk. Throws
  /// Error if the write fails; the file then has the previous state.
  template <class Pack>
  void save(double seconds, const Pack& pack) {
    const auto started = std::chrono::steady_clock::now();
    folder_.write(state_file, checkpoint::to_bytes(pack()));
    cost_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    last_ = seconds;
  }
  /// Duration of the latest save, in seconds.
  [[nodiscard]] double cost() const { return cost_; }

 private:
  static constexpr double largest_share = 0.01;  // of the training time

  const RunFolder& folder_;
  double every_seconds_;
  std::uint32_t every_steps_;
  double last_ = 0.0, cost_ = 0.0;
};

}  // namespace zofo::llm
