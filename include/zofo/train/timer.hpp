/// @file Training time and work of a run, step by step.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// Expected seconds of the next step after `steps` steps, the last of which took `taken` and was expected to
/// take `expected`. On a GPU the first step, and the first one of a new size, tests several ways to compute
/// its products: the first step is not counted, and a later step that is longer than expected has a weight of
/// one tenth.
double next_step_seconds(double expected, double taken, std::uint32_t steps);

/// Counts a run's steps, seconds and examples; a resumed run continues from its saved counters.
class Timer {
 public:
  /// Steps, seconds and examples so far.
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// Duration of the latest step, in seconds.
  [[nodiscard]] double step_seconds() const { return step_seconds_; }
  /// The expected cost of the next step.
  [[nodiscard]] const Cost& next() const { return next_; }

  /// Adds the counters to a state.
  void save(checkpoint::RunState& state) const;
  /// Continues from the counters of a state. Throws Error naming a number that is missing.
  void load(const checkpoint::RunState& state);
  /// Training starts or continues.
  void start() {
    start_ = Clock::now();
    already_ = before_ = counters_.seconds;
  }
  /// A step ended. `work` is the total work of its problem.
  void step(std::uint32_t steps, const Work& work);
  /// An evaluation ended that is a part of the method.
  void evaluated(std::size_t examples) {
    counters_.examples += examples;
    counters_.seconds = seconds();
  }
  /// The next step starts.
  void proceed() { before_ = seconds(); }
  /// Calls f(), which scores held-out examples, and returns its seconds; they count as scoring, not as
  /// training.
  template <class F>
  double scoring(F&& f) {
    const Clock::time_point began = Clock::now();
    f();
    const Clock::duration took = Clock::now() - began;
    start_ += took;
    const double seconds = std::chrono::duration<double>(took).count();
    counters_.scoring_seconds += seconds;
    return seconds;
  }

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] double seconds() const {
    return already_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }

  Counters counters_;
  Cost next_;
  Work counted_;
  Clock::time_point start_ = Clock::now();
  double already_ = 0.0, before_ = 0.0, step_seconds_ = 0.0;
};

}  // namespace zofo::llm
