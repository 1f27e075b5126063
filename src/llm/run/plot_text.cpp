#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/run/plot.hpp"

namespace zofo::llm {

namespace {

constexpr std::string_view marks = "*+xo#@%&";
constexpr std::array<int, 6> ansi_colours{34, 33, 32, 35, 36, 31};

// A grid of characters with the number of the line that each belongs to.
class Canvas {
 public:
  Canvas(std::size_t width, std::size_t height)
      : width_(width), height_(height), text_(width * height, ' '), line_(width * height, 0) {}

  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] std::size_t height() const { return height_; }
  // A point hides dots, and a later line an earlier one.
  void set(std::size_t column, std::size_t row, char c, std::size_t line) {
    const std::size_t at = row * width_ + column;
    if (c == '.' && text_[at] != ' ') return;
    text_[at] = c;
    line_[at] = line;
  }
  [[nodiscard]] std::string row(std::size_t row, bool colour) const {
    std::string out;
    for (std::size_t column = 0; column < width_; ++column) {
      const std::size_t at = row * width_ + column;
      if (colour && text_[at] != ' ')
        out += fmt::format("\x1b[{}m{}\x1b[0m", ansi_colours[line_[at] % ansi_colours.size()], text_[at]);
      else
        out += text_[at];
    }
    if (!colour) out.erase(out.find_last_not_of(' ') + 1);
    return out;
  }

 private:
  std::size_t width_, height_;
  std::string text_;
  std::vector<std::size_t> line_;
};

// The place in [0, cells) of a value of [low, high].
std::size_t cell(double value, double low, double high, std::size_t cells) {
  const double at = (value - low) / (high - low) * static_cast<double>(cells - 1);
  return static_cast<std::size_t>(std::lround(std::clamp(at, 0.0, static_cast<double>(cells - 1))));
}

void draw(Canvas& canvas, const PlotLine& line, std::size_t index, const detail::PlotRange& range) {
  std::vector<double> sums(canvas.width()), counts(canvas.width());
  for (const PlotPoint& point : line.points) {
    if (!detail::is_drawn(point)) continue;
    const std::size_t column = cell(point.x, range.left, range.right, canvas.width());
    sums[column] += point.y;
    counts[column] += 1.0;
  }
  const auto row = [&](double y) {
    return canvas.height() - 1 - cell(y, range.low, range.high, canvas.height());
  };
  std::size_t before = canvas.width();  // the last column with a point; none yet
  for (std::size_t column = 0; column < canvas.width(); ++column) {
    if (counts[column] == 0.0) continue;
    const double y = sums[column] / counts[column];
    for (std::size_t between = before + 1; before < column && between < column; ++between) {
      const double share = static_cast<double>(between - before) / static_cast<double>(column - before);
      canvas.set(between, row(std::lerp(sums[before] / counts[before], y, share)), '.', index);
    }
    canvas.set(column, row(y), marks[index % marks.size()], index);
    before = column;
  }
}

}  // namespace

std::string plot_text(const Plot& plot, const TextPlotOptions& options) {
  constexpr std::size_t margin = 11;  // of the numbers of the axis, and the axis
  Canvas canvas(std::max<std::size_t>(options.width, 40) - margin, std::max<std::size_t>(options.height, 4));
  const detail::PlotRange range(plot.lines);
  for (std::size_t i = 0; i < plot.lines.size(); ++i) draw(canvas, plot.lines[i], i, range);
  std::string out = plot.title + "\n";
  for (std::size_t row = 0; row < canvas.height(); ++row) {
    const double y =
        std::lerp(range.high, range.low, static_cast<double>(row) / static_cast<double>(canvas.height() - 1));
    const bool labelled = row % 4 == 0 || row + 1 == canvas.height();
    out +=
        fmt::format("{:>9} |{}\n", labelled ? fmt::format("{:.4g}", y) : "", canvas.row(row, options.colour));
  }
  const std::string left = fmt::format("{:.4g}", range.left), right = fmt::format("{:.4g}", range.right);
  out += fmt::format("{:>9} +{}\n", "", std::string(canvas.width(), '-'));
  out += fmt::format("{:>11}{}{:^{}}{}\n", "", left, plot.x_title,
                     canvas.width() - std::min(canvas.width(), left.size() + right.size()), right);
  if (plot.lines.size() < 2) return out;
  for (std::size_t i = 0; i < plot.lines.size(); ++i)
    out += fmt::format("{:>11}{} {}\n", "", marks[i % marks.size()], plot.lines[i].name);
  return out;
}

}  // namespace zofo::llm
