/// @file Frequencies of rotary positions, unchanged or scaled for longer contexts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "zofo/model/config.hpp"

namespace zofo::model {

namespace detail {

/// Share of a frequency that Llama 3's scaling leaves as it is.
inline double unscaled_llama3(const RopeScaling& scaling, double frequency) {
  const auto low = static_cast<double>(scaling.low_freq_factor);
  const auto high = static_cast<double>(scaling.high_freq_factor);
  const double turns =
      scaling.original_context * frequency / (2.0 * std::numbers::pi);  // in the original context
  return std::clamp((turns - low) / (high - low), 0.0, 1.0);
}

/// The same for YaRN, of pair number `pair` of `pairs`: pairs are interpolated by their index.
inline double unscaled_yarn(const RopeScaling& scaling, double base, std::size_t pair, std::size_t pairs) {
  const auto pair_of_turns = [&](float turns) {
    const double wave = scaling.original_context / (static_cast<double>(turns) * 2.0 * std::numbers::pi);
    return static_cast<double>(pairs) * std::log(wave) / std::log(base);
  };
  double low = pair_of_turns(scaling.beta_fast), high = pair_of_turns(scaling.beta_slow);
  if (scaling.whole_pairs) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(2 * pairs - 1));
  if (low == high) high += 0.001;
  return 1.0 - std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
}

}  // namespace detail

/// Radians per position of pair j of a head's rotated entries: base^(−2j/rotated), scaled; in a long sequence
/// (RopeScaling::is_long) if `is_long`, in layers of LayerRope::local if `rope` is. Sources: Su et al. 2021,
/// eq. 15; Chen et al. 2023 (linear); Peng et al. 2023 (YaRN); Ding et al. 2024 (LongRoPE); the model card
/// and configuration of Llama 3.1 (llama3).
inline double rotary_frequency(const Config& config, std::size_t pair, bool is_long = false,
                               LayerRope rope = LayerRope::global) {
  using Kind = RopeScaling::Kind;
  const bool local = rope == LayerRope::local;
  const auto base = static_cast<double>(local ? config.local_rope_base : config.rope_base);
  const double frequency = std::pow(base, -static_cast<double>(2 * pair) / config.rotated());
  const RopeScaling& scaling = config.rope_scaling;
  if (local || scaling.kind == Kind::none) return frequency;
  if (scaling.kind == Kind::longrope)
    return frequency / static_cast<double>((is_long ? scaling.long_factors : scaling.short_factors)[pair]);
  const double slowed = frequency / static_cast<double>(scaling.factor);
  if (scaling.kind == Kind::linear) return slowed;
  const double unscaled = scaling.kind == Kind::llama3
                              ? detail::unscaled_llama3(scaling, frequency)
                              : detail::unscaled_yarn(scaling, base, pair, config.rotated() / 2);
  return (1.0 - unscaled) * slowed + unscaled * frequency;
}

}  // namespace zofo::model
