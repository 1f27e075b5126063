// Names of the methods and the learning curve that a run folder holds.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "zofo/run/curve_svg.hpp"
#include "zofo/config/method_presets.hpp"

namespace zofo::cli {

inline std::string title_of(const std::string& method) {
  for (const llm::Method& each : llm::methods)
    if (each.name == method) return std::string(each.title);
  return "zero-shot";
}

// The points in a run's metrics.jsonl; a line that isn't whole (a killed run) is passed over. All
// points are of the same held-out rows; the final score, on all of them, is in result.json.
inline llm::Curve read_curve(std::string name, const std::filesystem::path& run) {
  llm::Curve curve{std::move(name), {}};
  std::ifstream in(run / "metrics.jsonl");
  for (std::string line; std::getline(in, line);) {
    const nlohmann::json row = nlohmann::json::parse(line, nullptr, false);
    if (row.is_discarded() || row.value("event", "") != "curve") continue;
    const auto number = [&row](const char* key) {  // what a task has no figure of is null
      const auto found = row.find(key);
      return found != row.end() && found->is_number() ? found->get<double>() : std::nan("");
    };
    curve.points.push_back({number("seconds"), number("accuracy"), number("loss")});
  }
  return curve;
}

}  // namespace zofo::cli
