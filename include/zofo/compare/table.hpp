/// @file A comparison as a table of text.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "zofo/compare/plan.hpp"
#include "zofo/compare/summary.hpp"

namespace zofo::compare {

/// "0.886 ± 0.006"; "0.886" of one run; "-" of none.
inline std::string with_error(const Estimate& estimate, int decimals) {
  if (!std::isfinite(estimate.mean)) return "-";
  std::string text = fmt::format("{:.{}f}", estimate.mean, decimals);
  if (estimate.error) text += fmt::format(" ± {:.{}f}", *estimate.error, decimals);
  return text;
}

namespace detail {

inline constexpr auto table_line = "{:<{}}{:>5}{:>17}{:>17}{:>16}{:>10}{:>10}{:>9}{:>11}";

inline void append_heading(std::string& out, const Row& row, std::size_t width, bool written) {
  fmt::format_to(std::back_inserter(out), "{}{}{}\n", out.empty() ? "" : "\n", row.task,
                 row.rows > 0 ? fmt::format(", {} held-out rows", row.rows) : "");
  fmt::format_to(std::back_inserter(out), fmt::runtime(table_line), "method", width, "runs",
                 written ? "F1" : "accuracy", "loss", "s to 95 %", "peak MiB", "seconds", "steps", "passes");
  out += '\n';
}

inline void append_row(std::string& out, const Row& row, std::size_t width, bool written) {
  const bool trained = row.label != zero_shot;
  const auto mean = [&](const Estimate& e, int decimals) {
    return trained && std::isfinite(e.mean) ? fmt::format("{:.{}f}", e.mean, decimals) : std::string("-");
  };
  fmt::format_to(std::back_inserter(out), fmt::runtime(table_line), row.label, width, row.runs,
                 with_error(written ? row.f1 : row.accuracy, 3), with_error(row.loss, 3),
                 trained ? with_error(row.seconds_to_95, 1) : "-",
                 row.runs > 0 ? fmt::format("{:.0f}", row.peak_mib) : "-", mean(row.seconds, 1),
                 mean(row.steps, 0), mean(row.passes, 0));
  out += row.failures > 0 ? fmt::format("   {} failed\n", row.failures) : "\n";
}

}  // namespace detail

/// A table for every task: mean ± standard error over seeds; F1 in place of an accuracy where the answers are
/// written.
inline std::string table_text(const std::vector<Row>& rows) {
  std::string out;
  std::size_t width = 12;
  for (const Row& row : rows) width = std::max(width, row.label.size() + 1);
  bool written = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].task != rows[i - 1].task) {
      written = std::ranges::any_of(
          rows, [&](const Row& row) { return row.task == rows[i].task && row.f1.count > 0; });
      detail::append_heading(out, rows[i], width, written);
    }
    detail::append_row(out, rows[i], width, written);
  }
  return out;
}

}  // namespace zofo::compare
