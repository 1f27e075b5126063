#include "zofo/compare/statistics.hpp"

#include <algorithm>
#include <cmath>

#include "zofo/core/error.hpp"

namespace zofo::compare {

Estimate estimate(std::span<const double> values) {
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

std::optional<double> reached(const Line& line, double share) {
  if (line.y.empty()) return {};
  const double best = *std::max_element(line.y.begin(), line.y.end());
  const auto found = std::find_if(line.y.begin(), line.y.end(), [&](double y) { return y >= share * best; });
  return line.x[static_cast<std::size_t>(found - line.y.begin())];
}

double value_at(const Line& line, double x) {
  const auto after = std::lower_bound(line.x.begin(), line.x.end(), x);
  const auto i = static_cast<std::size_t>(after - line.x.begin());
  require(i < line.x.size() && line.x.front() <= x, "x = {}: must be within the line", x);
  if (line.x[i] == x) return line.y[i];
  const double share = (x - line.x[i - 1]) / (line.x[i] - line.x[i - 1]);
  return line.y[i - 1] + share * (line.y[i] - line.y[i - 1]);
}

MeanLine mean_line(std::span<const Line> lines) {
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
