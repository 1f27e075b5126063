/// @file Statistics over seeds: means with standard errors, averaged curves, the time to a share of the best.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace zofo::compare {

/// A mean over runs.
struct Estimate {
  double mean = std::numeric_limits<double>::quiet_NaN();  ///< NaN without values
  std::optional<double> error = {};  ///< standard error of the mean, s / sqrt(n); empty below two values
  std::size_t count = 0;             ///< of values
};

/// Mean and standard error, with the unbiased variance s² = Σ (x - mean)² / (n - 1).
Estimate estimate(std::span<const double> values);

/// A piecewise linear curve through points. x and y have the same size, and x does not decrease.
struct Line {
  ///@{
  /// One coordinate of all points.
  std::vector<double> x, y;
  ///@}
};

/// The x of the first point whose y is at least `share` of the line's largest y. It overestimates the
/// crossing by less than the distance between two points. Empty for a line without points.
std::optional<double> reached(const Line& line, double share);

/// y at `x`, interpolated linearly. Throws Error when `x` is outside the line.
double value_at(const Line& line, double x);

/// The mean of several lines.
struct MeanLine {
  std::vector<double> x;    ///< increasing
  std::vector<Estimate> y;  ///< one for every x
};

/// The mean of lines where all of them are defined, at every x of a point of one of them; between these the
/// mean is linear. Ignores lines without points.
MeanLine mean_line(std::span<const Line> lines);

}  // namespace zofo::compare
