/// @file When a run saves its state, and the file that holds it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_state.hpp"

namespace zofo::llm {

/// Saves states of a run, by time so rarely that it costs less than 1 % of the training. Borrows the folder.
class Checkpointer {
 public:
  /// Training seconds from one state to the next, 0: no such bound; and steps, 0: the same.
  Checkpointer(const RunFolder& folder, double every_seconds, std::uint32_t every_steps)
      : folder_(folder), every_seconds_(every_seconds), every_steps_(every_steps) {}

  /// States are saved on the way.
  [[nodiscard]] bool saves() const { return every_seconds_ > 0.0 || every_steps_ > 0; }
  void start(double seconds) { last_ = seconds; }
  [[nodiscard]] bool due(std::uint32_t steps, double seconds) const {
    if (every_steps_ > 0 && steps % every_steps_ == 0) return true;
    return every_seconds_ > 0.0 && seconds - last_ >= std::max(every_seconds_, cost_ / most_of_the_time);
  }
  /// Writes the state that `pack()` returns, once the log that it counts on is on the disk. Throws Error when
  /// the disk refuses; the state before is kept then.
  template <class Pack>
  void save(double seconds, const Pack& pack) {
    const auto began = std::chrono::steady_clock::now();
    folder_.write(state_file, checkpoint::to_bytes(pack()));
    cost_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    last_ = seconds;
  }
  /// Seconds that the latest save took.
  [[nodiscard]] double cost() const { return cost_; }

 private:
  static constexpr double most_of_the_time = 0.01;

  const RunFolder& folder_;
  double every_seconds_;
  std::uint32_t every_steps_;
  double last_ = 0.0, cost_ = 0.0;
};

}  // namespace zofo::llm
