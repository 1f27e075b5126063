/// @file When a run saves its state, and the file that holds it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/tune/option_fields.hpp"
#include "zofo/tune/run_folder.hpp"
#include "zofo/tune/run_log.hpp"

namespace zofo::tune {

inline constexpr std::string_view state_file = "state.bin";
inline constexpr int state_version = 1;

/// Saves states of a run, by time so rarely that it costs less than 1 % of the training. Borrows its
/// arguments.
class Saver {
 public:
  Saver(const RunFolder& folder, const Options& options) : folder_(folder), options_(options) {}

  void start(double seconds) { last_ = seconds; }
  [[nodiscard]] bool due(const Tally& tally) const {
    if (options_.save_steps > 0 && tally.steps % options_.save_steps == 0) return true;
    return options_.save_seconds > 0.0 &&
           tally.seconds - last_ >= std::max(options_.save_seconds, cost_ / most_of_the_time);
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
  const Options& options_;
  double last_ = 0.0, cost_ = 0.0;
};

}  // namespace zofo::tune
