#include "zofo/parse/nearest_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace zofo::parse {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> before(width), above(width), row(width);  // rows i − 2, i − 1 and i of the table
  for (std::size_t j = 0; j < width; ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j < width; ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

std::vector<std::string> nearest_names(std::string_view given, std::span<const std::string> names,
                                       std::size_t most) {
  std::vector<std::tuple<std::size_t, bool, std::string>> order;
  for (const std::string& name : names) {
    const bool part = !given.empty() &&
                      (name.find(given) != std::string::npos || given.find(name) != std::string_view::npos);
    order.emplace_back(edit_distance(given, name), !part, name);
  }
  std::ranges::sort(order);
  std::vector<std::string> nearest;
  for (auto& [distance, apart, name] : order)
    if (nearest.size() < most) nearest.push_back(std::move(name));
  return nearest;
}

std::string name_hint(std::string_view given, std::span<const std::string> names) {
  if (given.size() > longest_name || names.empty()) return "";
  const std::vector<std::string> nearest = nearest_names(given, names);
  std::vector<std::string> close;
  for (const std::string& name : nearest)
    if (3 * edit_distance(given, name) <= std::max(given.size(), name.size())) close.push_back(name);
  if (!close.empty() && edit_distance(given, close.front()) <= 2) close.resize(1);
  if (!close.empty()) return fmt::format("; did you mean {}?", fmt::join(close, " or "));
  return fmt::format("; the nearest are {}", fmt::join(nearest, ", "));
}

}  // namespace zofo::parse
