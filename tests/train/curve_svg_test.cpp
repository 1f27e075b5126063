#include "zofo/run/curve_svg.hpp"

#include <limits>
#include <vector>

#include "catch.hpp"
#include "zofo/run/plot.hpp"

using namespace zofo::llm;

namespace {

// True if every tag closes in order and attributes are quoted: enough XML for a picture without comments.
bool well_formed(const std::string& text) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while ((at = text.find('<', at)) != std::string::npos) {
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) return false;
    std::string tag = text.substr(at + 1, end - at - 1);
    if (std::ranges::count(tag, '\'') % 2 != 0 || tag.find('<') != std::string::npos) return false;
    const std::string name = tag.substr(0, tag.find(' '));
    if (tag.front() == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty();
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("the picture is well formed and has two lines a method", "[train]") {
  const std::string svg =
      curve_svg("A & <B>", {{"one", {{0, 0.5, 0.7}, {10, 0.8, 0.4}}}, {"two", {{0, 0.5, 0.7}}}});
  CHECK(well_formed(svg));
  CHECK(count(svg, "<polyline") == 4);
  CHECK(count(svg, "A &amp; &lt;B&gt;") == 1);
  CHECK(count(svg, "<circle") == 6);
}

TEST_CASE("no points, or points that aren't finite, leave empty axes", "[train]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::vector<Curve>& curves :
       {std::vector<Curve>{}, std::vector<Curve>{{"one", {{0, nan, nan}}}}}) {
    const std::string svg = curve_svg("empty", curves);
    CHECK(well_formed(svg));
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(count(svg, "<polyline") == 0);
  }
}

TEST_CASE("a task without accuracy has its loss drawn", "[train]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg = curve_svg("generated", {{"one", {{0, nan, 1}, {5, nan, 0.5}}}});
  CHECK(well_formed(svg));
  CHECK(count(svg, "<polyline") == 1);
  CHECK(count(svg, "<circle") == 2);
}

TEST_CASE("ticks are round numbers inside the range", "[train]") {
  CHECK(zofo::llm::detail::ticks(0.0, 150.0, 5) == std::vector<double>{0, 20, 40, 60, 80, 100, 120, 140});
  for (double tick : zofo::llm::detail::ticks(0.43, 0.81, 5)) {
    CHECK(tick >= 0.43);
    CHECK(tick <= 0.81 + 1e-9);
  }
}
