/// @file Figures over seeds: means with their standard errors, curves averaged, the time to most of the best.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::compare {

/// A mean over runs.
struct Estimate {
  double mean = std::numeric_limits<double>::quiet_NaN();  ///< NaN of no value
  std::optional<double> error = {};  ///< standard error of the mean, s / sqrt(n); one value has none
  std::size_t count = 0;
};

/// Mean and standard error, with the unbiased variance s² = Σ (x - mean)² / (n - 1).
inline Estimate estimate(std::span<const double> values) {
  Estimate out;
  out.count = values.size();
  if (values.empty()) return out;
  const auto n = static_cast<double>(values.size());
  out.mean = 0.0;
  for (const double value : values) out.mean += value / n;
  if (values.size() == 1) return out;
  double squares = 0.0;
  for (const double value : values) squares += (value - out.mean) * (value - out.mean);
  out.error = std::sqrt(squares / (n - 1.0) / n);
  return out;
}

/// A line through points, its x never falling.
struct Line {
  std::vector<double> x, y;
};

/// The first x at which y is at least `share` of the line's highest y: it is one of the points, so it is late
/// by up to the distance between two. Nothing for a line without points.
inline std::optional<double> reached(const Line& line, double share) {
  if (line.y.empty()) return {};
  const double best = *std::max_element(line.y.begin(), line.y.end());
  const auto found = std::find_if(line.y.begin(), line.y.end(), [&](double y) { return y >= share * best; });
  return line.x[static_cast<std::size_t>(found - line.y.begin())];
}

/// y at x, linear between points. `x` must lie between the first and the last.
inline double value_at(const Line& line, double x) {
  const auto after = std::lower_bound(line.x.begin(), line.x.end(), x);
  const auto i = static_cast<std::size_t>(after - line.x.begin());
  require(i < line.x.size() && line.x.front() <= x, "x = {}: outside the line", x);
  if (line.x[i] == x) return line.y[i];
  const double share = (x - line.x[i - 1]) / (line.x[i] - line.x[i - 1]);
  return line.y[i - 1] + share * (line.y[i] - line.y[i - 1]);
}

/// The mean of several lines.
struct MeanLine {
  std::vector<double> x;
  std::vector<Estimate> y;
};

/// The mean of lines where all of them are defined, at every x that one of them has a point at: between
/// these, each line and so the mean is straight. Lines without points are left out.
inline MeanLine mean_line(std::span<const Line> lines) {
  std::vector<const Line*> used;
  for (const Line& line : lines)
    if (!line.x.empty()) used.push_back(&line);
  MeanLine out;
  if (used.empty()) return out;
  double first = used.front()->x.front(), last = used.front()->x.back();
  for (const Line* line : used) {
    first = std::max(first, line->x.front());
    last = std::min(last, line->x.back());
  }
  for (const Line* line : used)
    for (const double x : line->x)
      if (first <= x && x <= last) out.x.push_back(x);
  std::sort(out.x.begin(), out.x.end());
  out.x.erase(std::unique(out.x.begin(), out.x.end()), out.x.end());
  std::vector<double> values(used.size());
  for (const double x : out.x) {
    std::transform(used.begin(), used.end(), values.begin(),
                   [x](const Line* line) { return value_at(*line, x); });
    out.y.push_back(estimate(values));
  }
  return out;
}

}  // namespace zofo::compare
