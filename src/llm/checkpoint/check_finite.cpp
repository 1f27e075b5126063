#include "zofo/checkpoint/check_finite.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

bool broken(float value) {
  constexpr std::uint32_t exponent = 0x7F800000U;
  return (std::bit_cast<std::uint32_t>(value) & exponent) == exponent;
}

}  // namespace

bool all_finite(std::span<const float> values) {
  // Compares exponent bits, and does not stop at the first broken value, so that the loop vectorises.
  std::uint32_t any = 0;
  for (const float value : values) any |= std::uint32_t{broken(value)};
  return any == 0;
}

void check_finite(std::span<const float> values, const std::string& location) {
  if (all_finite(values)) return;
  const auto at = std::ranges::find_if(values, broken);
  fail("{}: value {} = {}: must be finite", location, at - values.begin(), *at);
}

}  // namespace zofo::checkpoint
