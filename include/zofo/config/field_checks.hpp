/// @file Checks of single option fields. Their messages name the field, its value and what is allowed.
#pragma once

#include <cmath>
#include <cstdint>

#include "zofo/core/error.hpp"

namespace zofo::llm {

/// Throws Error unless `value` is a finite number in (0, high].
inline void require_positive(const char* field, double value, double high) {
  require(std::isfinite(value) && value > 0.0 && value <= high, "{} = {}: must be a finite number in (0, {}]",
          field, value, high);
}

/// Throws Error unless `value` is in [low, high].
inline void require_count(const char* field, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  require(value >= low && value <= high, "{} = {}: must be between {} and {}", field, value, low, high);
}

}  // namespace zofo::llm
