/// @file Training time and work of a run, step by step.
#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "zofo/tune/language_problem.hpp"
#include "zofo/tune/run_log.hpp"

namespace zofo::tune {

/// Counts a run's steps, seconds and rows; goes on from what a run had taken before.
class Meter {
 public:
  explicit Meter(std::uint32_t batch) : batch_(batch) {}

  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// What the latest step took.
  [[nodiscard]] const Cost& last() const { return last_; }

  /// What an earlier part of the run came to.
  void resume(const Tally& tally, const Cost& last) {
    tally_ = tally;
    last_ = last;
  }
  /// Training begins, or goes on.
  void start() {
    start_ = Clock::now();
    already_ = before_ = tally_.seconds;
  }
  /// A step ended, after which its problem had done `work` in all.
  void step(std::uint32_t steps, const Work& work) {
    tally_.steps = steps;
    tally_.seconds = seconds();
    // Whole rows: their sum is the same wherever a run was cut.
    const auto rows = static_cast<std::uint64_t>(std::llround((work.passes - counted_.passes) * batch_));
    tally_.rows += rows;
    tally_.tokens += work.tokens - counted_.tokens;
    counted_ = work;
    last_ = {tally_.seconds - before_, rows};
  }
  /// An evaluation ended that belongs to the method.
  void evaluated(std::size_t rows) {
    tally_.rows += rows;
    tally_.seconds = seconds();
  }
  /// The next step begins.
  void go_on() { before_ = seconds(); }
  /// Calls f() in no time.
  template <class F>
  void pause(F&& f) {
    const Clock::time_point began = Clock::now();
    f();
    start_ += Clock::now() - began;
  }

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] double seconds() const {
    return already_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }

  std::uint32_t batch_;
  Tally tally_;
  Cost last_;
  Work counted_;
  Clock::time_point start_ = Clock::now();
  double already_ = 0.0, before_ = 0.0;
};

}  // namespace zofo::tune
