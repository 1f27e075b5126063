/// @file Line diagrams as SVG and as text for a terminal.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::llm {

/// A point of a diagram.
struct PlotPoint {
  double x = 0.0;  ///< in the unit of the diagram's axis
  double y = 0.0;  ///< in the unit of its title
};

/// A line of a diagram. Points that are not finite, or above 1e100, are left out.
struct PlotLine {
  std::string name;               ///< for the legend
  std::vector<PlotPoint> points;  ///< in the order of x
};

/// A diagram. A line without points keeps its place, and with it its colour and mark.
struct Plot {
  std::string title;            ///< what y is
  std::string x_title;          ///< what x is
  std::vector<PlotLine> lines;  ///< in the order of the legend
};

/// A picture of the diagrams, two in a row, with one legend: the lines of equal places have equal names.
[[nodiscard]] std::string plots_svg(std::string_view title, std::span<const Plot> plots);

/// The size and form of a diagram in a terminal.
struct TextPlotOptions {
  std::size_t width = 78;   ///< characters of a line, at least 40
  std::size_t height = 14;  ///< lines of the area, at least 4
  bool colour = false;      ///< lines in colours (ANSI escape sequences)
};

/// The diagram in characters, with axes and, for several lines, a legend of their marks. Where several points
/// of a line share a column, their mean is shown; dots connect the columns of a line with few points. Lines
/// end in a line feed.
[[nodiscard]] std::string plot_text(const Plot& plot, const TextPlotOptions& options = {});

/// At most `most` points: means of equal numbers of consecutive points.
[[nodiscard]] std::vector<PlotPoint> thinned(std::span<const PlotPoint> points, std::size_t most);

/// `text` with the special characters of XML and HTML escaped.
[[nodiscard]] std::string escaped_markup(std::string_view text);

namespace detail {

/// Multiples of 1, 2 or 5 times a power of ten that divide [low, high] into about `parts` pieces.
std::vector<double> ticks(double low, double high, int parts);

/// Whether a point is in a diagram: both numbers are finite, and at most 1e100.
bool is_drawn(const PlotPoint& point);

/// The range of a diagram's axes: all finite points, with a margin for y.
struct PlotRange {
  /// Of these lines; [0, 1] where there are no points.
  explicit PlotRange(std::span<const PlotLine> lines);
  double left = 0.0, right = 1.0, low = 0.0, high = 1.0;
};

}  // namespace detail

}  // namespace zofo::llm
