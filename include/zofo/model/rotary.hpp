/// @file Frequencies of rotary positions, as they are or scaled for longer contexts.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>

#include "zofo/model/config.hpp"

namespace zofo::model {

/// A frequency slowed down as the scaling says. Sources: Chen et al. 2023 (linear); Llama 3.1's model GPU
/// and configuration (llama3).
inline double scaled_frequency(const RopeScaling& scaling, double frequency) {
  const auto factor = static_cast<double>(scaling.factor);
  if (scaling.kind == RopeScaling::Kind::none) return frequency;
  if (scaling.kind == RopeScaling::Kind::linear) return frequency / factor;
  const auto low = static_cast<double>(scaling.low_freq_factor);
  const auto high = static_cast<double>(scaling.high_freq_factor);
  const double turns =
      scaling.original_context * frequency / (2.0 * std::numbers::pi);  // over the old context
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const double kept = (turns - low) / (high - low);
  return (1.0 - kept) * frequency / factor + kept * frequency;
}

/// Radians a position of pair j of a head: base^(−2j/head_dim), scaled. Source: Su et al. 2021, eq. 15.
inline double rotary_frequency(const Config& config, std::size_t pair) {
  const double exponent = -static_cast<double>(2 * pair) / config.head_dim;
  return scaled_frequency(config.rope_scaling, std::pow(static_cast<double>(config.rope_base), exponent));
}

}  // namespace zofo::model
