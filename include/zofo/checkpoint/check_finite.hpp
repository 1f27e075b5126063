/// @file Weights that are no numbers, found before they are used.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Throws Error headed by `place` if a value is NaN or infinite: a damaged file may hold one, which would
/// make every later number meaningless.
inline void check_finite(std::span<const float> values, const std::string& place) {
  constexpr std::uint32_t exponent = 0x7F800000U;
  const auto broken = [](float value) {
    return (std::bit_cast<std::uint32_t>(value) & exponent) == exponent;
  };
  // The exponent's bits are compared, and every value looked at, so that the loop vectorises.
  std::uint32_t any = 0;
  for (const float value : values) any |= std::uint32_t{broken(value)};
  if (any == 0) return;
  const auto at = std::ranges::find_if(values, broken);
  fail("{}: value {} = {}: must be finite", place, at - values.begin(), *at);
}

}  // namespace zofo::checkpoint
