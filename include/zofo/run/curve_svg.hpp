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

/// Two diagrams next to each other, accuracy and loss against training seconds, with one legend. A point
/// whose accuracy or loss is not finite is left out of that diagram.
std::string curve_svg(std::string_view title, const std::vector<Curve>& curves);

}  // namespace zofo::llm
