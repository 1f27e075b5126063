// Diagrams as text: where marks are, the numbers of the axes, what is left out.
#include "zofo/run/plot.hpp"

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "contains.hpp"

using namespace zofo::llm;

namespace {

// The area of a diagram: what is to the right of its axis, line by line.
std::vector<std::string> area_of(const std::string& text) {
  std::vector<std::string> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (const std::size_t axis = line.find('|'); axis != std::string::npos)
      rows.push_back(line.substr(axis + 1));
  return rows;
}

Plot straight(std::size_t count) {
  Plot plot{"y", "x", {{"line", {}}}};
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i) / static_cast<double>(count - 1);
    plot.lines[0].points.push_back({x, 1.0 - x});
  }
  return plot;
}

}  // namespace

TEST_CASE("a straight line falls from the left end to the right one", "[run]") {
  const std::vector<std::string> rows = area_of(plot_text(straight(1000), {.width = 61, .height = 12}));
  REQUIRE(rows.size() == 12);
  // y has a margin of 8 % on both sides: the line goes from row 11 · 0.08/1.16 to row 11 · 1.08/1.16.
  std::vector<int> first_row(50, -1);
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (std::size_t column = 0; column < rows[row].size(); ++column) {
      if (rows[row][column] == ' ') continue;
      CHECK(rows[row][column] == '*');
      const double y = 1.0 - static_cast<double>(column) / 49.0;
      CHECK(std::abs(static_cast<double>(row) - (1.08 - y) / 1.16 * 11.0) < 0.6);
      first_row[column] = static_cast<int>(row);
    }
  for (const int row : first_row) CHECK(row >= 0);  // a mark in each column
}

TEST_CASE("few points are connected by dots, and several lines have a legend", "[run]") {
  Plot plot = straight(2);
  plot.lines.push_back({"other", {{0.0, 0.5}, {1.0, std::numeric_limits<double>::quiet_NaN()}}});
  plot.lines.push_back({"empty", {}});
  const std::string text = plot_text(plot, {.width = 61, .height = 12});
  std::string marks;
  for (const std::string& row : area_of(text)) marks += row;
  CHECK(std::ranges::count(marks, '*') == 2);
  CHECK(std::ranges::count(marks, '.') == 48);
  CHECK(std::ranges::count(marks, '+') == 1);
  for (const char* part : {"* line", "+ other", "x empty"}) CHECK_THAT(text, contains(part));
  CHECK(text.find("nan") == std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK_THAT(plot_text(plot, {.colour = true}), contains("\x1b[34m*\x1b[0m"));
}

TEST_CASE("a diagram without points, with one point, or of a hostile range has finite axes", "[run]") {
  const double infinite = std::numeric_limits<double>::infinity();
  for (const std::vector<PlotPoint>& points :
       {std::vector<PlotPoint>{}, std::vector<PlotPoint>{{0.0, 3.0}}, std::vector<PlotPoint>{{0.0, infinite}},
        std::vector<PlotPoint>{{0.0, -1e308}, {1e308, 1e308}},
        std::vector<PlotPoint>{{-5.0, 1.0}, {2.0, 2.0}}}) {
    const Plot plot{"y", "x", {{"line", points}}};
    const std::string text = plot_text(plot, {.width = 1, .height = 1});
    CHECK(area_of(text).size() == 4);
    CHECK(text.find("inf") == std::string::npos);
    CHECK(text.find("nan") == std::string::npos);
    const std::string svg = plots_svg("title", std::vector<Plot>{plot});
    CHECK(svg.find("inf") == std::string::npos);
    CHECK(svg.find("nan") == std::string::npos);
  }
}

TEST_CASE("thinned points are means of equal parts", "[run]") {
  const std::vector<PlotPoint> points{{0, 1}, {1, 3}, {2, 5}, {3, 9}};
  const std::vector<PlotPoint> two = thinned(points, 2);
  REQUIRE(two.size() == 2);
  CHECK(two[0].x == 0.5);
  CHECK(two[0].y == 2.0);
  CHECK(two[1].x == 2.5);
  CHECK(two[1].y == 7.0);
  CHECK(thinned(points, 4).size() == 4);
  CHECK(thinned(points, 9).size() == 4);
  CHECK(thinned(points, 3).size() == 3);
}

TEST_CASE("a picture of many lines stays inside and tells them apart", "[run]") {
  Plot plot{"y", "x", {}};
  for (int i = 0; i < 16; ++i)
    plot.lines.push_back({"a rather long name of a run " + std::to_string(i), {{0.0, 1.0 * i}, {1.0, 2.0}}});
  const std::string svg = plots_svg("title", std::vector<Plot>{plot, plot, plot});
  CHECK_THAT(svg, contains("stroke-dasharray='7 4'") && contains("stroke-dasharray='2 3'"));
  double height = 0.0;
  REQUIRE(std::sscanf(svg.c_str() + svg.find("height='"), "height='%lf'", &height) == 1);
  for (std::size_t at = 0; (at = svg.find(" y='", at)) != std::string::npos; ++at)
    CHECK(std::stod(svg.substr(at + 4)) < height);
}
