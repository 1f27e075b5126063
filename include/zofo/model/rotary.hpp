/// @file Frequencies of rotary positions, unchanged or scaled for longer contexts.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>

#include "zofo/model/config.hpp"

namespace zofo::model {

/// The scaled frequency, in radians per position. Sources: Chen et al. 2023 (linear); the model card and
/// configuration of Llama 3.1 (llama3).
inline double scaled_frequency(const RopeScaling& scaling, double frequency) {
  const auto factor = static_cast<double>(scaling.factor);
  if (scaling.kind == RopeScaling::Kind::none) return frequency;
  if (scaling.kind == RopeScaling::Kind::linear) return frequency / factor;
  const auto low = static_cast<double>(scaling.low_freq_factor);
  const auto high = static_cast<double>(scaling.high_freq_factor);
  const double turns =
      scaling.original_context * frequency / (2.0 * std::numbers::pi);  // in the original context
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const double unscaled = (turns - low) / (high - low);  // share that is not scaled
  return (1.0 - unscaled) * frequency / factor + unscaled * frequency;
}

/// Radians per position of pair j of a head: base^(−2j/head_dim), scaled. Source: Su et al. 2021, eq. 15.
inline double rotary_frequency(const Config& config, std::size_t pair) {
  const double exponent = -static_cast<double>(2 * pair) / config.head_dim;
  return scaled_frequency(config.rope_scaling, std::pow(static_cast<double>(config.rope_base), exponent));
}

}  // namespace zofo::model
