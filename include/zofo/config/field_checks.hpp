/// @file Checks of single option fields, whose messages name the field, its value and what it may be.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::llm {

/// Throws Error unless `value` is one of the allowed names.
inline void require_one_of(const char* field, std::string_view value,
                           std::initializer_list<std::string_view> allowed) {
  std::string list;
  for (std::string_view each : allowed) {
    if (value == each) return;
    list.append(list.empty() ? "" : ", ").append(each);
  }
  fail("{} = \"{}\": must be one of {}", field, value, list);
}

/// Throws Error unless `value` is a finite number in (0, high].
inline void require_positive(const char* field, double value, double high) {
  require(std::isfinite(value) && value > 0.0 && value <= high, "{} = {}: must be a finite number in (0, {}]",
          field, value, high);
}

/// Throws Error unless `value` is in [low, high].
inline void require_count(const char* field, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  require(value >= low && value <= high, "{} = {}: must be in [{}, {}]", field, value, low, high);
}

}  // namespace zofo::llm
