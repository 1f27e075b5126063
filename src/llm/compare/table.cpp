#include "zofo/compare/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include "zofo/compare/plan.hpp"

namespace zofo::compare {

std::string with_error(const Estimate& estimate, int decimals) {
  if (!std::isfinite(estimate.mean)) return "-";
  std::string text = fmt::format("{:.{}f}", estimate.mean, decimals);
  if (estimate.error) text += fmt::format(" ± {:.{}f}", *estimate.error, decimals);
  return text;
}

namespace {

constexpr auto table_line = "{:<{}}{:>5}{:>17}{:>17}{:>16}{:>10}{:>10}{:>9}{:>11}";

void append_heading(std::string& out, const Row& row, std::size_t width, bool generation) {
  fmt::format_to(std::back_inserter(out), "{}{}{}\n", out.empty() ? "" : "\n", row.task,
                 row.rows > 0 ? fmt::format(", {} held-out examples", row.rows) : "");
  fmt::format_to(std::back_inserter(out), fmt::runtime(table_line), "method", width, "runs",
                 generation ? "F1" : "accuracy", "loss", "s to 95 %", "peak MiB", "seconds", "steps",
                 "passes");
  out += '\n';
}

void append_row(std::string& out, const Row& row, std::size_t width, bool generation) {
  const bool trained = row.label != zero_shot;
  const auto mean = [&](const Estimate& e, int decimals) {
    return trained && std::isfinite(e.mean) ? fmt::format("{:.{}f}", e.mean, decimals) : std::string("-");
  };
  fmt::format_to(std::back_inserter(out), fmt::runtime(table_line), row.label, width, row.runs,
                 with_error(generation ? row.f1 : row.accuracy, 3), with_error(row.loss, 3),
                 trained ? with_error(row.seconds_to_95, 1) : "-",
                 row.runs > 0 ? fmt::format("{:.0f}", row.peak_mib) : "-", mean(row.seconds, 1),
                 mean(row.steps, 0), mean(row.passes, 0));
  out += row.failures > 0 ? fmt::format("   {} failed\n", row.failures) : "\n";
}

}  // namespace

std::string table_text(const std::vector<Row>& rows) {
  std::string out;
  std::size_t width = 12;
  for (const Row& row : rows) width = std::max(width, row.label.size() + 1);
  bool generation = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].task != rows[i - 1].task) {
      generation = std::ranges::any_of(
          rows, [&](const Row& row) { return row.task == rows[i].task && row.f1.count > 0; });
      append_heading(out, rows[i], width, generation);
    }
    append_row(out, rows[i], width, generation);
  }
  return out;
}

}  // namespace zofo::compare
