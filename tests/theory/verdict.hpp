// The result of measuring a statement of the theory.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace theory {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The amount of work of a statement and the seed of its samples. The seed is fixed, so that results repeat.
struct Effort {
  bool full = false;
  std::uint64_t seed = 20250917;
  // `few` in the fast effort, `many` in the full one.
  template <class T>
  [[nodiscard]] T draws(T few, T many) const {
    return full ? many : few;
  }
};

// One curve of a figure; `slope` is the predicted log-log slope, drawn through the points' centre (NaN:
// none).
struct Series {
  std::string label;
  std::vector<double> x, y, error = {};
  double slope = kNaN;
  bool line = false;  // a prediction, drawn without markers
};

struct Figure {
  std::string x_label, y_label;
  bool log_x = true, log_y = true;
};

// One number against its prediction. `low`, `high`: confidence interval. `false_alarm`: probability that a
// correct library falls outside [allowed_low, allowed_high]. An interval wider than `widest` is inconclusive
// and fails.
struct Comparison {
  std::string what, predicted;
  double measured = kNaN, low = kNaN, high = kNaN;
  double allowed_low = kNaN, allowed_high = kNaN;
  double false_alarm = 0.0;
  double widest = kInfinity;

  // Written so that a NaN anywhere is a failure.
  [[nodiscard]] bool passed() const {
    return std::isfinite(measured) && measured >= allowed_low && measured <= allowed_high &&
           low <= measured && measured <= high && high - low <= widest;
  }
};

// The verdict on a statement: passed when it has at least one comparison and all comparisons passed. The
// numbers are those of the first failed comparison, or of the first one if all passed. `false_alarm` is the
// union bound over all.
struct Verdict {
  std::string id, statement, predicted;
  double measured = kNaN, low = kNaN, high = kNaN;
  double allowed_low = kNaN, allowed_high = kNaN;
  double false_alarm = 0.0;
  bool passed = false;
  std::vector<Comparison> comparisons;
  Figure figure;
  std::vector<Series> series;
  std::string message;  // of the exception that the statement threw; empty without one
  double seconds = 0.0;

  void add(Comparison c) {
    false_alarm += c.false_alarm;
    const bool first = comparisons.empty();
    if (first || (passed && !c.passed())) show(c);
    passed = c.passed() && (first || passed);
    comparisons.push_back(std::move(c));
  }

 private:
  void show(const Comparison& c) {
    predicted = c.predicted;
    measured = c.measured;
    low = c.low;
    high = c.high;
    allowed_low = c.allowed_low;
    allowed_high = c.allowed_high;
  }
};

// A statement and its identifier.
struct Statement {
  std::string id;
  Verdict (*measure)(const Effort&);
};

}  // namespace theory
