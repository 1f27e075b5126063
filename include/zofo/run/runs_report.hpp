/// @file Several runs side by side: a table, curves, a page, JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "zofo/run/plot.hpp"
#include "zofo/run/run_summary.hpp"

namespace zofo::llm {

/// What curves are drawn against.
enum class CurveAxis : std::uint8_t { steps, seconds };
/// Names of the values of CurveAxis.
template <>
inline constexpr std::array<std::string_view, 2> enum_names<CurveAxis>{"steps", "seconds"};

/// The curves of runs: training loss, held-out loss, and held-out accuracy where a run has it. Diagrams
/// without a point are left out. A training curve has at most `most` points, means of consecutive steps.
[[nodiscard]] std::vector<Plot> run_plots(std::span<const RunSummary> runs, CurveAxis axis,
                                          std::size_t most = 400);

/// A line for each run: method, model, task, steps, best held-out score and its step, final score, seconds,
/// peak memory and status; then what each lacks.
[[nodiscard]] std::string runs_table(std::span<const RunSummary> runs);

/// The table and the curves as a page that refers to nothing outside itself.
[[nodiscard]] std::string runs_page(std::span<const RunSummary> runs, CurveAxis axis);

/// The summary of a run for programs; what is unknown is null.
[[nodiscard]] nlohmann::json to_json(const RunSummary& run);

}  // namespace zofo::llm
