/// @file The learning curve that a run folder holds.
#pragma once

#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "zofo/run/curve_svg.hpp"

namespace zofo::llm {

/// The points in a run's metrics.jsonl; a line that isn't whole (of a killed run) is ignored. All points are
/// of the same held-out rows; the final score, on all of them, is in result.json.
inline Curve read_curve(std::string name, const std::filesystem::path& run) {
  Curve curve{std::move(name), {}};
  std::ifstream in(run / "metrics.jsonl");
  for (std::string line; std::getline(in, line);) {
    const nlohmann::json row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_discarded() || row.value("event", "") != "curve") continue;
    const auto number = [&row](const char* key) {  // a figure that a task does not have is null
      const auto found = row.find(key);
      return found != row.end() && found->is_number() ? found->get<double>()
                                                      : std::numeric_limits<double>::quiet_NaN();
    };
    const char* const accuracy = row.contains("accuracy") ? "accuracy" : "balanced_accuracy";
    curve.points.push_back({number("seconds"), number(accuracy), number("loss")});
  }
  return curve;
}

}  // namespace zofo::llm
