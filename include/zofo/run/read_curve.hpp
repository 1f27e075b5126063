/// @file Reads the learning curve of a run folder.
#pragma once

#include <filesystem>
#include <string>

#include "zofo/run/curve_svg.hpp"

namespace zofo::llm {

/// The points of the curve in a run's metrics.jsonl; an incomplete line (of a killed run) is ignored, and a
/// missing value is NaN. All points are on the same held-out examples; result.json has the final score, on all
/// of them.
Curve read_curve(std::string name, const std::filesystem::path& run);

}  // namespace zofo::llm
