/// @file The trajectory of a run (core/trajectory.hpp) under this module's name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "zofo/core/trajectory.hpp"

namespace zofo::checkpoint {

using zofo::parse_trajectory;
using zofo::TrajectoryStep;

/// Calls write(line) for every line of an update, without its line end.
template <class Write>
void for_each_line(std::uint32_t at, const ZoGradient& update, Write&& write) {
  const std::string lines = trajectory_lines(at, update);
  for (std::size_t first = 0; first < lines.size();) {
    const std::size_t end = lines.find('\n', first);
    write(lines.substr(first, end - first));
    first = end + 1;
  }
}

}  // namespace zofo::checkpoint
