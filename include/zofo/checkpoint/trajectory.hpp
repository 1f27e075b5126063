/// @file The trajectory of a run: the estimates that moved θ, a few numbers a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace zofo::checkpoint {

/// The terms of step k's estimate ĝ_k = Σ cᵢ z(directionᵢ), in their order. A direction's own step may lie
/// before k: a variance reduction keeps old ones.
struct TrajectoryStep {
  std::uint32_t step = 0;
  std::vector<ZoTerm> terms;
};

/// One line of trajectory.jsonl: a term of the estimate of step `at`.
inline std::string to_line(std::uint32_t at, const ZoTerm& term) {
  return nlohmann::json{{"at", at},
                        {"seed", term.direction.seed},
                        {"step", term.direction.step},
                        {"query", term.direction.query},
                        {"coefficient", term.coefficient}}
      .dump();
}

/// The steps that lines of trajectory.jsonl say; `name` is the file's in errors. Throws Error with file and
/// line unless every line is whole and no step is missing.
inline std::vector<TrajectoryStep> parse_trajectory(std::string_view text, const std::string& name) {
  std::vector<TrajectoryStep> steps;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t length = text.find('\n');
    require(length != std::string_view::npos, "{}:{}: the line is cut short", name, number);
    const std::string place = fmt::format("{}:{}", name, number);
    const JsonFields row(parse_json(text.substr(0, length), place), place);
    const std::uint32_t at = row.integer("at");
    const std::size_t next = steps.size();
    require(at == next || (next > 0 && at == next - 1), "{}: at = {}: a step is missing before it", place,
            at);
    if (at == next) steps.push_back({at, {}});
    if (!row.at("seed").is_number_unsigned()) row.refuse("seed", "an integer in [0, 2^64 - 1]");
    steps.back().terms.push_back(
        {{row.at("seed").get<std::uint64_t>(), row.integer("step"), row.integer("query")},
         row.number("coefficient")});
    text.remove_prefix(length + 1);
  }
  return steps;
}

}  // namespace zofo::checkpoint
