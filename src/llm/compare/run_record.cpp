#include "zofo/compare/run_record.hpp"

#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::compare {

Line RunRecord::line(double CurvePoint::* x, double Figures::* y) const {
  Line out;
  for (const CurvePoint& point : curve)
    if (std::isfinite(point.figures.*y)) {
      out.x.push_back(point.*x);
      out.y.push_back(point.figures.*y);
    }
  return out;
}

namespace {

constexpr double largest = 1e15;  // of seconds, passes and MiB: far above the values of any run

double number_in(const checkpoint::JsonFields& fields, std::string_view field, double low, double high) {
  const double value = fields.number(field);
  if (!(value >= low && value <= high)) fields.refuse(field, fmt::format("a number in [{}, {}]", low, high));
  return value;
}

double figure(const checkpoint::JsonFields& fields, std::string_view field, double low, double high) {
  return fields.has(field) ? number_in(fields, field, low, high) : std::numeric_limits<double>::quiet_NaN();
}

Figures read_figures(const checkpoint::JsonFields& fields) {
  return {figure(fields, "accuracy", 0.0, 1.0), figure(fields, "macro_f1", 0.0, 1.0),
          figure(fields, "loss", -1e300, 1e300), figure(fields, "exact_match", 0.0, 1.0),
          figure(fields, "f1", 0.0, 1.0)};
}

/// Removes the first line of a text and returns it without its line feed.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

std::vector<CurvePoint> read_curve(const std::filesystem::path& path) {
  constexpr std::size_t longest_line = std::size_t{1} << 16U;
  constexpr std::size_t most_points = 100'000;
  const std::string bytes = parse::read_file(path);
  std::string_view text = bytes;
  std::vector<CurvePoint> curve;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string place = fmt::format("{}:{}", path.string(), number);
    const std::string_view line = take_line(text);
    // Most lines are steps; this check skips them without parsing.
    if (line.size() <= longest_line && line.find("\"curve\"") == std::string_view::npos) continue;
    require(line.size() <= longest_line, "{}: {} bytes: a line must have at most {}", place, line.size(),
            longest_line);
    const checkpoint::JsonFields fields(checkpoint::parse_json(line, place), place);
    if (fields.string("event") != "curve") continue;
    const CurvePoint point{number_in(fields, "seconds", 0.0, largest),
                           number_in(fields, "passes", 0.0, largest), read_figures(fields)};
    require(curve.empty() || (curve.back().seconds <= point.seconds && curve.back().passes <= point.passes),
            "{}: seconds and passes must not fall from one point to the next", place);
    require(curve.size() < most_points, "{}: more than {} points", place, most_points);
    curve.push_back(point);
  }
  return curve;
}

RunRecord read_run(const std::filesystem::path& folder, std::string_view method, std::uint64_t seed) {
  const std::filesystem::path file = folder / "result.json";
  const auto report = checkpoint::JsonFields::load(file);
  const nlohmann::json& methods = report.at("methods");
  require(methods.is_array() && methods.size() == 1, "{}: methods: must be a list of one element",
          file.string());
  const checkpoint::JsonFields run(methods.front(), file.string() + ": methods[0]");
  if (run.string("method") != method) run.refuse("method", fmt::format("\"{}\"", method));
  const nlohmann::json& seeded = report.at("seed");
  if (!seeded.is_number_unsigned() || seeded.get<std::uint64_t>() != seed)
    report.refuse("seed", fmt::format("{}", seed));
  RunRecord out;
  out.figures = read_figures(run);
  out.rows = run.integer("rows");
  out.seconds = number_in(run, "seconds", 0.0, largest);
  out.passes = number_in(run, "passes", 0.0, largest);
  out.peak_mib = number_in(run, "peak_mib", 0.0, largest);
  out.steps = run.integer("steps");
  out.selected = run.string("served");
  if (run.has("model_hash")) out.model_hash = run.string("model_hash");
  out.curve = read_curve(folder / "metrics.jsonl");
  return out;
}

RunRecord read_evaluation(const std::filesystem::path& path) {
  const auto fields = checkpoint::JsonFields::load(path);
  RunRecord out;
  out.figures = read_figures(fields);
  out.rows = fields.integer("rows");
  out.peak_mib = number_in(fields, "peak_mib", 0.0, largest);
  return out;
}

}  // namespace zofo::compare
