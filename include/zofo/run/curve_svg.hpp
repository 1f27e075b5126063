/// @file Learning curves as an SVG image.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zofo::llm {

/// The learning curve of a method.
struct Curve {
  /// A point of the curve.
  struct Point {
    double seconds = 0.0;   ///< of training
    double accuracy = 0.0;  ///< on held-out examples, in [0, 1]
    double loss = 0.0;      ///< on held-out examples
  };
  std::string name;           ///< for the legend
  std::vector<Point> points;  ///< in the order of time
};

namespace detail {

/// Multiples of 1, 2 or 5 times a power of ten that divide [low, high] into about `parts` pieces.
std::vector<double> ticks(double low, double high, int parts);

}  // namespace detail

/// Two diagrams next to each other, accuracy and loss against training seconds, with one legend. Points that
/// are not finite are left out.
std::string curve_svg(std::string_view title, std::vector<Curve> curves);

}  // namespace zofo::llm
