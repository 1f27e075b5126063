#include "zofo/run/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>

namespace zofo::llm {

bool detail::is_drawn(const PlotPoint& point) {
  constexpr double largest = 1e100;  // differences of drawn numbers are finite
  return std::abs(point.x) <= largest && std::abs(point.y) <= largest;
}

std::vector<double> detail::ticks(double low, double high, int parts) {
  const double raw = std::max(high - low, 1e-9) / parts;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double ratio = raw / power;
  const double step = power * (ratio < 1.5 ? 1.0 : ratio < 3.5 ? 2.0 : ratio < 7.5 ? 5.0 : 10.0);
  std::vector<double> out;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i)
    out.push_back(i * step + 0.0);
  return out;
}

detail::PlotRange::PlotRange(std::span<const PlotLine> lines) {
  constexpr double far = std::numeric_limits<double>::infinity();
  double x_end = 0.0, bottom = far, top = -far;
  for (const PlotLine& line : lines)
    for (const PlotPoint& point : line.points) {
      if (!is_drawn(point)) continue;
      left = std::min(left, point.x);
      x_end = std::max(x_end, point.x);
      bottom = std::min(bottom, point.y);
      top = std::max(top, point.y);
    }
  if (x_end > 0.0 || left < 0.0) right = x_end;
  if (bottom > top) return;
  // Large equal numbers need a margin that changes them.
  const double margin =
      std::max({0.08 * (top - bottom), 0.01, 1e-6 * std::max(std::abs(bottom), std::abs(top))});
  low = bottom - margin;
  high = top + margin;
}

std::vector<PlotPoint> thinned(std::span<const PlotPoint> points, std::size_t most) {
  if (points.size() <= most || most == 0) return {points.begin(), points.end()};
  std::vector<PlotPoint> out;
  for (std::size_t part = 0; part < most; ++part) {
    const std::size_t begin = part * points.size() / most, end = (part + 1) * points.size() / most;
    PlotPoint mean;
    for (const PlotPoint& point : points.subspan(begin, end - begin)) {
      mean.x += point.x;
      mean.y += point.y;
    }
    const auto count = static_cast<double>(end - begin);
    out.push_back({mean.x / count, mean.y / count});
  }
  return out;
}

std::string escaped_markup(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

namespace {

// Colours that readers with any colour vision can distinguish (Okabe and Ito 2008).
constexpr std::array<std::string_view, 7> line_colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                       "#56b4e9", "#b8860b", "#555555"};
// Further lines have the same colours in dashes.
constexpr std::array<std::string_view, 3> line_dashes{"", " stroke-dasharray='7 4'",
                                                      " stroke-dasharray='2 3'"};
constexpr std::size_t most_circles = 40;  // of a line: those of a dense one would hide it

std::string_view colour_of(std::size_t line) { return line_colours[line % line_colours.size()]; }
std::string_view dash_of(std::size_t line) {
  return line_dashes[line / line_colours.size() % line_dashes.size()];
}

// One pair of axes with a line for every name.
class Panel {
 public:
  // Plot area in pixels.
  struct Area {
    double left, top, width, height;
  };

  Panel(Area area, const Plot& plot) : area_(area), plot_(plot), range_(plot.lines) {}

  void draw(std::string& svg) const {
    axes(svg);
    for (std::size_t i = 0; i < plot_.lines.size(); ++i) line(svg, i);
  }

 private:
  [[nodiscard]] double x(double value) const {
    return area_.left + area_.width * (value - range_.left) / (range_.right - range_.left);
  }
  [[nodiscard]] double y(double value) const {
    return area_.top + area_.height * (range_.high - value) / (range_.high - range_.low);
  }

  void axes(std::string& svg) const {
    const auto out = std::back_inserter(svg);
    const double bottom = area_.top + area_.height;
    fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='title'>{}</text>\n", area_.left, area_.top - 12,
                   escaped_markup(plot_.title));
    for (double tick : detail::ticks(range_.low, range_.high, 5)) {
      fmt::format_to(out, "<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' class='grid'/>\n",
                     area_.left, y(tick), area_.left + area_.width, y(tick));
      fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='tick' text-anchor='end'>{:.4g}</text>\n",
                     area_.left - 8, y(tick) + 4, tick);
    }
    for (double tick : detail::ticks(range_.left, range_.right, 5)) {
      fmt::format_to(out, "<line x1='{0:.1f}' y1='{1:.1f}' x2='{0:.1f}' y2='{2:.1f}' class='axis'/>\n",
                     x(tick), bottom, bottom + 5);
      fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='tick' text-anchor='middle'>{:.4g}</text>\n",
                     x(tick), bottom + 20, tick);
    }
    fmt::format_to(out, "<path d='M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}' class='axis'/>\n", area_.left, area_.top,
                   bottom, area_.left + area_.width);
    fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='tick' text-anchor='middle'>{}</text>\n",
                   area_.left + area_.width / 2, bottom + 42, escaped_markup(plot_.x_title));
  }

  void line(std::string& svg, std::size_t index) const {
    const auto out = std::back_inserter(svg);
    std::vector<PlotPoint> points;  // a task with generated answers has no accuracy
    std::ranges::copy_if(plot_.lines[index].points, std::back_inserter(points), detail::is_drawn);
    if (points.empty()) return;
    fmt::format_to(out, "<polyline class='curve' stroke='{}'{} points='", colour_of(index), dash_of(index));
    for (const PlotPoint& point : points) fmt::format_to(out, "{:.1f},{:.1f} ", x(point.x), y(point.y));
    fmt::format_to(out, "'/>\n");
    if (points.size() > most_circles) return;
    for (const PlotPoint& point : points)
      fmt::format_to(out, "<circle cx='{:.1f}' cy='{:.1f}' r='3' fill='{}'/>\n", x(point.x), y(point.y),
                     colour_of(index));
  }

  Area area_;
  const Plot& plot_;
  detail::PlotRange range_;
};

// Draws the legend from y = 50 on; returns the y of its last row.
double draw_legend(std::string& svg, const std::vector<PlotLine>& lines) {
  const auto out = std::back_inserter(svg);
  double x = 64, y = 50;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double width = 60 + 8.0 * static_cast<double>(lines[i].name.size());
    if (x + width > 940 && x > 64) x = 64, y += 20;
    fmt::format_to(out, "<path d='M{:.1f} {:.1f}h22' stroke='{}' stroke-width='4'{}/>\n", x, y - 2,
                   colour_of(i), dash_of(i));
    fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='name'>{}</text>\n", x + 28, y + 3,
                   escaped_markup(lines[i].name));
    x += width;
  }
  return y;
}

}  // namespace

std::string plots_svg(std::string_view title, std::span<const Plot> plots) {
  std::string drawn;
  const double top = plots.empty() ? 50 : draw_legend(drawn, plots.front().lines);
  constexpr double row = 340;
  for (std::size_t i = 0; i < plots.size(); ++i) {
    const std::size_t above = i / 2;
    Panel({i % 2 == 0 ? 64.0 : 548.0, top + 50 + row * static_cast<double>(above), 380, 270}, plots[i])
        .draw(drawn);
  }
  const std::size_t rows = (plots.size() + 1) / 2;
  const double height = top + 50 + row * static_cast<double>(rows);
  return fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='960' height='{0:.0f}' viewBox='0 0 960 {0:.0f}' "
      "font-family='Helvetica, Arial, sans-serif'>\n"
      "<style>.title{{font-size:15px;fill:#222}}.tick{{font-size:12px;fill:#555}}.name{{font-size:13px;fill:"
      "#222}}.head{{font-size:17px;font-weight:bold;fill:#111}}.grid{{stroke:#e4e4e4}}.axis{{stroke:#777;"
      "fill:"
      "none}}.curve{{fill:none;stroke-width:2.2;stroke-linejoin:round}}</style>\n"
      "<rect width='960' height='{0:.0f}' fill='#fff'/>\n"
      "<text x='64' y='30' class='head'>{1}</text>\n{2}</svg>\n",
      height, escaped_markup(title), drawn);
}

}  // namespace zofo::llm
