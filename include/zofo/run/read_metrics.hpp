/// @file Reads the metrics.jsonl of a run in any state: finished, running, killed or damaged.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>

namespace zofo::llm {

/// What of a metrics.jsonl could not be used.
struct MetricsDamage {
  bool absent = false;         ///< there is no such file, or it cannot be read
  std::size_t lines = 0;       ///< lines that are not as a run writes them
  std::size_t first_line = 0;  ///< the first of them, counted from 1
  bool cut_off = false;        ///< the last line has no end: the run was killed, or is writing it
};

/// Calls visit(line) for every line that is a JSON object with an `event` and a `step`. Other lines are
/// skipped and counted.
MetricsDamage read_metrics(const std::filesystem::path& file,
                           const std::function<void(const nlohmann::json&)>& visit);

/// A number of a line; NaN where it has none.
[[nodiscard]] double number_of(const nlohmann::json& line, const char* field);

}  // namespace zofo::llm
