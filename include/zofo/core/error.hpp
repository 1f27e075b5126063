/// @file Throwing the library's exception: bad input, named field by field.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

#include "zofo/core/error_type.hpp"

namespace zofo {

/// Throws Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error unless `condition`; the message is formatted only on failure, but its arguments are evaluated
/// always: they must not read what the condition guards.
template <class... Args>
void require(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) fail(format, std::forward<Args>(args)...);
}

/// Checks a rate-like option: finite and within [low, high]; the message names the field.
inline void require_in(const char* field, double value, double low, double high) {
  require(std::isfinite(value) && value >= low && value <= high,
          "{} = {}: must be a finite number in [{}, {}]", field, value, low, high);
}

}  // namespace zofo
