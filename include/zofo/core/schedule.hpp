/// @file A number that depends on the step: rates, smoothing radii and penalties.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "zofo/core/error.hpp"

namespace zofo {

/// Value of an option at step k = 0, 1, …; a plain number is a constant schedule.
class Schedule {
 public:
  /// Shape of the schedule after the warm-up: see the functions of the same names.
  enum class Kind : std::uint8_t { constant, linear, cosine, inverse_sqrt };

  /// `value` at every step; implicit, so that an option can be given as a number: `{.rate = 0.02}`.
  constexpr Schedule(double value) : Schedule(Kind::constant, value, value, 1) {}

  /// Linear from `from` at k = 0 to `to` at k = steps, then `to`.
  [[nodiscard]] static constexpr Schedule linear(double from, double to, std::uint64_t steps) {
    return {Kind::linear, from, to, steps};
  }
  /// to + ½ (from − to)(1 + cos(π k/steps)) up to k = steps, then `to` (Loshchilov & Hutter 2017, eq. 5,
  /// without restarts).
  [[nodiscard]] static constexpr Schedule cosine(double from, double to, std::uint64_t steps) {
    return {Kind::cosine, from, to, steps};
  }
  /// first/√(k + 1), the rate of stochastic methods on convex functions (Nemirovski et al. 2009, §2.2).
  [[nodiscard]] static constexpr Schedule inverse_sqrt(double first) {
    return {Kind::inverse_sqrt, first, first / kSqrtOfSteps, 1};
  }
  /// The same schedule, `steps` later, after a linear increase from 0 to its first value.
  [[nodiscard]] constexpr Schedule with_warmup(std::uint64_t steps) const {
    Schedule warmed = *this;
    warmed.warmup_ = steps;
    return warmed;
  }

  /// Value at step k, where k is the number of steps taken before.
  [[nodiscard]] constexpr double at(std::uint64_t k) const {
    if (k < warmup_) return from_ * (static_cast<double>(k) / static_cast<double>(warmup_));
    return after_warmup(k - warmup_);
  }
  /// The largest value at any step.
  [[nodiscard]] constexpr double largest() const {
    const double end = std::max(from_, to_);
    return warmup_ > 0 ? std::max(end, 0.0) : end;
  }

  /// Throws Error naming the field unless every value is a finite number in [low, high] and a decay takes at
  /// least one step. Steps are taken to be numbered in 32 bits.
  void check(const char* field, double low, double high) const {
    if (kind_ == Kind::constant) {
      require_in(field, from_, low, high);
    } else {
      require_end(field, kind_ == Kind::inverse_sqrt ? "first" : "from", from_, low, high);
      require_end(field, kind_ == Kind::inverse_sqrt ? "last" : "to", to_, low, high);
    }
    require(steps_ >= 1, "{}.steps = {}: must be at least 1", field, steps_);
    require(warmup_ == 0 || (low <= 0.0 && high >= 0.0),
            "{}.warmup = {}: must be 0, as a warm-up starts at 0, which is outside [{}, {}]", field, warmup_,
            low, high);
  }

  /// Shape of the schedule.
  [[nodiscard]] constexpr Kind kind() const { return kind_; }
  /// Compares member by member.
  friend constexpr bool operator==(const Schedule&, const Schedule&) = default;

 private:
  static constexpr double kSqrtOfSteps = 65536.0;  // a run has at most 2^32 steps

  constexpr Schedule(Kind kind, double from, double to, std::uint64_t steps)
      : from_(from), to_(to), steps_(steps), kind_(kind) {}

  static void require_end(const char* field, const char* end, double value, double low, double high) {
    require(std::isfinite(value) && value >= low && value <= high,
            "{}.{} = {}: must be a finite number in [{}, {}]", field, end, value, low, high);
  }
  [[nodiscard]] constexpr double after_warmup(std::uint64_t k) const {
    if (kind_ == Kind::constant) return from_;
    if (kind_ == Kind::inverse_sqrt) return from_ / std::sqrt(static_cast<double>(k) + 1.0);
    if (k >= steps_) return to_;
    const double share = static_cast<double>(k) / static_cast<double>(steps_);
    if (kind_ == Kind::linear) return std::lerp(from_, to_, share);
    return std::lerp(from_, to_, 0.5 - 0.5 * std::cos(std::numbers::pi * share));
  }

  double from_, to_;
  std::uint64_t steps_, warmup_ = 0;
  Kind kind_;
};

}  // namespace zofo
