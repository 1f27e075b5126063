/// @file Detects weights that are NaN or infinite before they are used.
#pragma once

#include <span>
#include <string>

namespace zofo::checkpoint {

/// Whether no value is NaN or infinite.
bool all_finite(std::span<const float> values);

/// Throws Error if a value is NaN or infinite; `location` starts the message. A damaged file may hold such a
/// value, which would make every later result meaningless.
void check_finite(std::span<const float> values, const std::string& location);

}  // namespace zofo::checkpoint
