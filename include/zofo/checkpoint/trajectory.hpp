/// @file The trajectory of a run: the estimates that moved θ, a few numbers a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/zo_gradient.hpp"

namespace zofo::checkpoint {

/// The update of step k: ĝ_k = Σ cᵢ z(directionᵢ), its terms in their order. A direction's own step may lie
/// before k: a variance reduction keeps old ones.
struct TrajectoryStep {
  std::uint32_t step = 0;
  ZoGradient update;
};

/// One line of trajectory.jsonl: a term of the update of step `at`. `queries` is written where it is given:
/// an update whose number of queries is not that of its terms says it with its first term.
inline std::string to_line(std::uint32_t at, const ZoTerm& term, std::optional<double> queries = {}) {
  nlohmann::json line = {{"at", at},
                         {"seed", term.direction.seed},
                         {"step", term.direction.step},
                         {"query", term.direction.query},
                         {"coefficient", term.coefficient}};
  if (queries) line["queries"] = *queries;
  return line.dump();
}
/// Calls write(line) for every line of an update.
template <class Write>
void for_each_line(std::uint32_t at, const ZoGradient& update, Write&& write) {
  std::optional<double> queries;
  if (update.queries != static_cast<double>(update.terms.size())) queries = update.queries;
  for (const ZoTerm& term : update.terms) write(to_line(at, term, std::exchange(queries, std::nullopt)));
}

/// The steps that lines of trajectory.jsonl say; `name` is the file's in errors. Throws Error with file and
/// line unless every line is whole and no step is missing. An update that does not say its number of queries,
/// as all of older files, has as many as terms.
inline std::vector<TrajectoryStep> parse_trajectory(std::string_view text, const std::string& name) {
  std::vector<TrajectoryStep> steps;
  double given = 0.0;  // number of queries of the latest update; 0: not given
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
    ZoGradient& update = steps.back().update;
    if (update.terms.empty() && row.has("queries")) {
      given = row.number("queries");
      if (!(given > 0.0)) row.refuse("queries", "a number above 0");
    } else if (at == next) {
      given = 0.0;
    }
    if (!row.at("seed").is_number_unsigned()) row.refuse("seed", "an integer in [0, 2^64 - 1]");
    update.terms.push_back({{row.at("seed").get<std::uint64_t>(), row.integer("step"), row.integer("query")},
                            row.number("coefficient")});
    update.queries = given > 0.0 ? given : static_cast<double>(update.terms.size());
    text.remove_prefix(length + 1);
  }
  return steps;
}

}  // namespace zofo::checkpoint
