#include "zofo/run/curve_svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

namespace zofo::llm {

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

namespace {

// `text` with XML's special characters escaped.
std::string escape_xml(std::string_view text) {
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

constexpr std::array<std::string_view, 5> curve_colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                        "#56b4e9"};

// One pair of axes with a line for every method.
class Panel {
 public:
  // Plot area in pixels.
  struct Area {
    double left, top, width, height;
  };

  Panel(Area area, std::string title, const std::vector<Curve>& curves, double Curve::Point::* value)
      : area_(area), title_(std::move(title)), curves_(curves), value_(value) {
    low_ = 1e300;
    high_ = -1e300;
    for (const Curve& curve : curves)
      for (const Curve::Point& point : curve.points) {
        right_ = std::max(right_, point.seconds);
        low_ = std::min(low_, point.*value_);
        high_ = std::max(high_, point.*value_);
      }
    if (low_ > high_) low_ = 0.0, high_ = 1.0;
    const double margin = std::max(0.08 * (high_ - low_), 0.01);
    low_ -= margin;
    high_ += margin;
    if (right_ <= 0.0) right_ = 1.0;
  }

  void draw(std::string& svg) const {
    axes(svg);
    for (std::size_t i = 0; i < curves_.size(); ++i) line(svg, i);
  }

 private:
  [[nodiscard]] double x(double seconds) const { return area_.left + area_.width * seconds / right_; }
  [[nodiscard]] double y(double value) const {
    return area_.top + area_.height * (high_ - value) / (high_ - low_);
  }

  void axes(std::string& svg) const {
    const auto out = std::back_inserter(svg);
    const double bottom = area_.top + area_.height;
    fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='title'>{}</text>\n", area_.left, area_.top - 12,
                   escape_xml(title_));
    for (double tick : detail::ticks(low_, high_, 5)) {
      fmt::format_to(out, "<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' class='grid'/>\n",
                     area_.left, y(tick), area_.left + area_.width, y(tick));
      fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='tick' text-anchor='end'>{:.4g}</text>\n",
                     area_.left - 8, y(tick) + 4, tick);
    }
    for (double tick : detail::ticks(0.0, right_, 5)) {
      fmt::format_to(out, "<line x1='{0:.1f}' y1='{1:.1f}' x2='{0:.1f}' y2='{2:.1f}' class='axis'/>\n",
                     x(tick), bottom, bottom + 5);
      fmt::format_to(out, "<text x='{:.1f}' y='{:.1f}' class='tick' text-anchor='middle'>{:.4g}</text>\n",
                     x(tick), bottom + 20, tick);
    }
    fmt::format_to(out, "<path d='M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}' class='axis'/>\n", area_.left, area_.top,
                   bottom, area_.left + area_.width);
    fmt::format_to(out,
                   "<text x='{:.1f}' y='{:.1f}' class='tick' text-anchor='middle'>training seconds</text>\n",
                   area_.left + area_.width / 2, bottom + 42);
  }

  void line(std::string& svg, std::size_t index) const {
    const Curve& curve = curves_[index];
    const std::string_view colour = curve_colours[index % curve_colours.size()];
    const auto out = std::back_inserter(svg);
    std::vector<Curve::Point> points;  // a task with generated answers has no accuracy
    std::ranges::copy_if(curve.points, std::back_inserter(points),
                         [this](const Curve::Point& point) { return std::isfinite(point.*value_); });
    if (points.empty()) return;
    fmt::format_to(out, "<polyline class='curve' stroke='{}' points='", colour);
    for (const Curve::Point& point : points)
      fmt::format_to(out, "{:.1f},{:.1f} ", x(point.seconds), y(point.*value_));
    fmt::format_to(out, "'/>\n");
    for (const Curve::Point& point : points)
      fmt::format_to(out, "<circle cx='{:.1f}' cy='{:.1f}' r='3' fill='{}'/>\n", x(point.seconds),
                     y(point.*value_), colour);
  }

  Area area_;
  std::string title_;
  const std::vector<Curve>& curves_;
  double Curve::Point::* value_;
  double low_, high_, right_ = 0.0;
};

}  // namespace

std::string curve_svg(std::string_view title, std::vector<Curve> curves) {
  for (Curve& curve : curves)
    std::erase_if(curve.points, [](const Curve::Point& p) {
      return !std::isfinite(p.seconds) || !std::isfinite(p.accuracy) || !std::isfinite(p.loss);
    });
  std::string svg =
      "<svg xmlns='http://www.w3.org/2000/svg' width='960' height='440' viewBox='0 0 960 440' "
      "font-family='Helvetica, Arial, sans-serif'>\n"
      "<style>.title{font-size:15px;fill:#222}.tick{font-size:12px;fill:#555}.name{font-size:13px;fill:#222}"
      ".head{font-size:17px;font-weight:bold;fill:#111}.grid{stroke:#e4e4e4}.axis{stroke:#777;fill:none}"
      ".curve{fill:none;stroke-width:2.2;stroke-linejoin:round}</style>\n"
      "<rect width='960' height='440' fill='#fff'/>\n";
  const auto out = std::back_inserter(svg);
  fmt::format_to(out, "<text x='64' y='30' class='head'>{}</text>\n", escape_xml(title));
  double at = 64;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    fmt::format_to(out, "<rect x='{:.1f}' y='46' width='22' height='4' fill='{}'/>\n", at,
                   curve_colours[i % curve_colours.size()]);
    fmt::format_to(out, "<text x='{:.1f}' y='53' class='name'>{}</text>\n", at + 28,
                   escape_xml(curves[i].name));
    at += 60 + 8.0 * static_cast<double>(curves[i].name.size());
  }
  Panel({64, 100, 380, 270}, "accuracy (held-out examples)", curves, &Curve::Point::accuracy).draw(svg);
  Panel({548, 100, 380, 270}, "loss (held-out examples)", curves, &Curve::Point::loss).draw(svg);
  svg += "</svg>\n";
  return svg;
}

}  // namespace zofo::llm
