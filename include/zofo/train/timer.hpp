/// @file Training time and work of a run, step by step.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/run/counters.hpp"

namespace zofo::llm {

/// Seconds that the next step is taken to need, after a step of `taken` before which `expected` were. On a
/// GPU the first step, and one of a size not seen before, tries out how to compute its products: the first
/// is no measure, a later one counts for a tenth where it is longer than what was expected.
inline double next_step_seconds(double expected, double taken, std::uint32_t steps) {
  if (steps <= 1) return 0.0;
  return expected == 0.0 ? taken : std::min(taken, 0.9 * expected + 0.1 * taken);
}

/// Counts a run's steps, seconds and rows; continues from what a run had taken before.
class Timer {
 public:
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// What the next step is taken to need.
  [[nodiscard]] const Cost& next() const { return next_; }

  void save(checkpoint::RunState& state) const {
    state.json()["steps"] = counters_.steps;
    state.json()["seconds"] = counters_.seconds;
    state.json()["rows"] = counters_.rows;
    state.json()["tokens"] = counters_.tokens;
    state.json()["next_step"] = {{"seconds", next_.seconds}, {"rows", next_.rows}};
  }
  /// Continues from what an earlier part of the run took. Throws Error naming a number that is missing.
  void load(const checkpoint::RunState& state) {
    counters_ = {state.number<std::uint32_t>("steps"), state.number<double>("seconds"),
                 state.number<std::uint64_t>("rows"), state.number<std::uint64_t>("tokens")};
    const auto next = state.fields("next_step");
    next_ = {next.number("seconds"), next.integer("rows")};
  }
  /// Training begins, or continues.
  void start() {
    start_ = Clock::now();
    already_ = before_ = counters_.seconds;
  }
  /// A step ended, after which its problem had done `work` in all.
  void step(std::uint32_t steps, const Work& work) {
    counters_.steps = steps;
    counters_.seconds = seconds();
    const auto rows = static_cast<std::uint32_t>(work.rows - counted_.rows);
    counters_.rows += rows;
    counters_.tokens += work.tokens - counted_.tokens;
    counted_ = work;
    next_ = {next_step_seconds(next_.seconds, counters_.seconds - before_, steps), rows};
  }
  /// An evaluation ended that belongs to the method.
  void evaluated(std::size_t rows) {
    counters_.rows += rows;
    counters_.seconds = seconds();
  }
  /// The next step begins.
  void proceed() { before_ = seconds(); }
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

  Counters counters_;
  Cost next_;
  Work counted_;
  Clock::time_point start_ = Clock::now();
  double already_ = 0.0, before_ = 0.0;
};

}  // namespace zofo::llm
