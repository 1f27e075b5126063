/// @file Observers: progress bars, logs, early stopping and checkpoints.
#pragma once

#include <concepts>
#include <cstddef>
#include <tuple>
#include <utility>

#include "zofo/core/report.hpp"

namespace zofo {

/// Is called with each step's report, and returns whether the run continues: false ends it after that step.
template <class O>
concept Observer = requires(O& observer, const StepReport& report) {
  { observer(report) } -> std::convertible_to<bool>;
};

/// Ignores every report and never ends the run.
struct NullObserver {
  /// Returns true.
  bool operator()(const StepReport&) const { return true; }
};

/// Several observers as one: each sees every report, and any of them can end the run.
template <Observer... Os>
class Observers {
 public:
  /// The observers, called in this order.
  explicit Observers(Os... observers) : observers_(std::move(observers)...) {}
  /// Calls every observer; false if one of them returns false.
  bool operator()(const StepReport& report) {
    // Not short-circuited: a log must record the step at which early stopping ends the run.
    const auto all = [&report](Os&... o) {
      bool proceed = true;
      ((proceed = static_cast<bool>(o(report)) && proceed), ...);
      return proceed;
    };
    return std::apply(all, observers_);
  }
  /// The i-th observer.
  template <std::size_t I>
  [[nodiscard]] auto& get() {
    return std::get<I>(observers_);
  }

 private:
  std::tuple<Os...> observers_;
};

}  // namespace zofo
