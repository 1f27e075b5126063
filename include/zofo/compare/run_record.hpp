/// @file What a finished run says of itself: its scores, what they took, and its learning curve.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/compare/statistics.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::compare {

/// Figures of merit; NaN where the task has no such figure.
struct Figures {
  double accuracy = std::numeric_limits<double>::quiet_NaN();
  double macro_f1 = std::numeric_limits<double>::quiet_NaN();
  double loss = std::numeric_limits<double>::quiet_NaN();
  double exact_match = std::numeric_limits<double>::quiet_NaN();  ///< of answers that the model writes
  double f1 = std::numeric_limits<double>::quiet_NaN();           ///< of their words
};

/// A point of a learning curve.
struct CurvePoint {
  double seconds, passes;
  Figures figures;
};

/// A finished run, or the untrained model's scores.
struct RunRecord {
  Figures figures;  ///< on all held-out rows
  std::uint64_t rows = 0;
  double seconds = 0.0, passes = 0.0, peak_mib = 0.0;
  std::uint64_t steps = 0;
  std::string selected, model_hash;
  std::vector<CurvePoint> curve;

  /// The curve of one figure against seconds or passes, without the points that have no such figure.
  [[nodiscard]] Line line(double CurvePoint::*x, double Figures::*y) const {
    Line out;
    for (const CurvePoint& point : curve)
      if (std::isfinite(point.figures.*y)) {
        out.x.push_back(point.*x);
        out.y.push_back(point.figures.*y);
      }
    return out;
  }
};

namespace detail {

constexpr double largest = 1e15;  // of seconds, passes and MiB: far above any run's

inline double number_in(const checkpoint::JsonFields& fields, std::string_view field, double low,
                        double high) {
  const double value = fields.number(field);
  if (!(value >= low && value <= high)) fields.refuse(field, fmt::format("a number in [{}, {}]", low, high));
  return value;
}

inline double figure(const checkpoint::JsonFields& fields, std::string_view field, double low, double high) {
  return fields.has(field) ? number_in(fields, field, low, high) : std::numeric_limits<double>::quiet_NaN();
}

inline Figures read_figures(const checkpoint::JsonFields& fields) {
  return {figure(fields, "accuracy", 0.0, 1.0), figure(fields, "macro_f1", 0.0, 1.0),
          figure(fields, "loss", -1e300, 1e300), figure(fields, "exact_match", 0.0, 1.0),
          figure(fields, "f1", 0.0, 1.0)};
}

/// A line of a file without its end, and what follows it.
inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace detail

/// The learning curve in a finished run's metrics.jsonl (docs/guide/runs.md). Other events are passed over.
/// Throws Error with file and line for what is no object, lacks a field, is out of range, or goes back in time.
inline std::vector<CurvePoint> read_curve(const std::filesystem::path& path) {
  constexpr std::size_t longest_line = std::size_t{1} << 16U;
  constexpr std::size_t most_points = 100'000;
  const std::string bytes = parse::read_file(path);
  std::string_view text = bytes;
  std::vector<CurvePoint> curve;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string location = fmt::format("{}:{}", path.string(), number);
    const std::string_view line = detail::take_line(text);
    // Most lines are steps, of which nothing is wanted.
    if (line.size() <= longest_line && line.find("\"curve\"") == std::string_view::npos) continue;
    require(line.size() <= longest_line, "{}: {} bytes: a line must have at most {}", location, line.size(),
            longest_line);
    const checkpoint::JsonFields fields(checkpoint::parse_json(line, location), location);
    if (fields.string("event") != "curve") continue;
    const CurvePoint point{detail::number_in(fields, "seconds", 0.0, detail::largest),
                           detail::number_in(fields, "passes", 0.0, detail::largest),
                           detail::read_figures(fields)};
    require(curve.empty() || (curve.back().seconds <= point.seconds && curve.back().passes <= point.passes),
            "{}: seconds and passes must not fall from one point to the next", location);
    require(curve.size() < most_points, "{}: more than {} points", location, most_points);
    curve.push_back(point);
  }
  return curve;
}

/// A finished run's folder. Throws Error naming file and field for anything missing or out of range, and for
/// a run of another method or seed.
inline RunRecord read_run(const std::filesystem::path& folder, std::string_view method, std::uint64_t seed) {
  const auto report = checkpoint::JsonFields::load(folder / "result.json");
  const nlohmann::json& methods = report.at("methods");
  require(methods.is_array() && methods.size() == 1, "{}: methods: must be a list of one", report.location());
  const checkpoint::JsonFields run(methods.front(), report.location() + ": methods[0]");
  if (run.string("method") != method) run.refuse("method", fmt::format("\"{}\"", method));
  const nlohmann::json& seeded = report.at("seed");
  if (!seeded.is_number_unsigned() || seeded.get<std::uint64_t>() != seed)
    report.refuse("seed", fmt::format("{}", seed));
  RunRecord out;
  out.figures = detail::read_figures(run);
  out.rows = run.integer("rows");
  out.seconds = detail::number_in(run, "seconds", 0.0, detail::largest);
  out.passes = detail::number_in(run, "passes", 0.0, detail::largest);
  out.peak_mib = detail::number_in(run, "peak_mib", 0.0, detail::largest);
  out.steps = run.integer("steps");
  out.selected = run.string("served");
  if (run.has("model_hash")) out.model_hash = run.string("model_hash");
  out.curve = read_curve(folder / "metrics.jsonl");
  return out;
}

/// What `zofo evaluate --json` printed. Throws as read_run does.
inline RunRecord read_evaluation(const std::filesystem::path& path) {
  const auto fields = checkpoint::JsonFields::load(path);
  RunRecord out;
  out.figures = detail::read_figures(fields);
  out.rows = fields.integer("rows");
  out.peak_mib = detail::number_in(fields, "peak_mib", 0.0, detail::largest);
  return out;
}

}  // namespace zofo::compare
