/// @file How rotary frequencies are scaled for contexts longer than those of pretraining.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::model {

/// Scaling of rotary frequencies. linear: all are divided by `factor` (Chen et al. 2023). llama3: waves
/// longer than original_context / low_freq_factor are divided by `factor`, waves shorter than
/// original_context / high_freq_factor are unchanged, and the ones between are interpolated (Llama 3.1).
/// yarn: pairs that turn fewer than beta_slow times in original_context are divided by `factor`, pairs that
/// turn more than beta_fast times are unchanged, and the ones between are interpolated by their index (Peng
/// et al. 2023). longrope: pair j is divided by short_factors[j], or by long_factors[j] in sequences longer
/// than original_context (Ding et al. 2024).
struct RopeScaling {
  /// Which formula scales the frequencies.
  enum class Kind : std::uint8_t { none, linear, llama3, yarn, longrope };
  Kind kind = Kind::none;                 ///< formula
  float factor = 1.0F;                    ///< divisor of slow frequencies, at least 1; unused by longrope
  float low_freq_factor = 1.0F;           ///< llama3: slower than this many turns per original context
  float high_freq_factor = 4.0F;          ///< llama3: faster than this many turns is not scaled
  std::uint32_t original_context = 8192;  ///< llama3, yarn, longrope: context of pretraining, in tokens
  float beta_fast = 32.0F;                ///< yarn: faster than this many turns is not scaled
  float beta_slow = 1.0F;                 ///< yarn: slower than this many turns is divided by `factor`
  bool whole_pairs = true;                ///< yarn: the bounds of the interpolation are rounded outwards
  float magnitude = 1.0F;                 ///< yarn, longrope: multiplies cosines and sines
  std::vector<float> short_factors{};     ///< longrope: divisors of all pairs
  std::vector<float> long_factors{};      ///< longrope: divisors of all pairs in long sequences
  /// Equality of all fields.
  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;

  /// Whether a sequence of this many tokens is longer than the context of pretraining, so that other
  /// frequencies apply to it.
  [[nodiscard]] bool is_long(std::uint32_t tokens) const {
    return kind == Kind::longrope && tokens > original_context;
  }

  /// Throws Error naming the first field out of range; `pairs`: rotated pairs of a head.
  void check(std::size_t pairs) const {
    if (kind == Kind::none) return;
    if (kind != Kind::longrope) require_in("model config: rope_scaling.factor", factor, 1.0, 1e4);
    if (kind == Kind::linear) return;
    require(original_context >= 1 && original_context <= 1U << 22U,
            "model config: rope_scaling.original_context = {}: must be in [1, {}]", original_context,
            1U << 22U);
    if (kind == Kind::llama3) return check_llama3();
    require_in("model config: rope_scaling.magnitude", magnitude, 1e-3, 1e3);
    if (kind == Kind::longrope) return check_factors(pairs);
    require_in("model config: rope_scaling.beta_slow", beta_slow, 1e-3, 1e4);
    require(beta_fast >= beta_slow && beta_fast <= 1e6F,
            "model config: rope_scaling.beta_fast = {}: must be at least beta_slow = {}, 1e6 at most",
            beta_fast, beta_slow);
  }

 private:
  void check_llama3() const {
    require_in("model config: rope_scaling.low_freq_factor", low_freq_factor, 1e-3, 1e4);
    require(
        high_freq_factor > low_freq_factor && high_freq_factor <= 1e6F,
        "model config: rope_scaling.high_freq_factor = {}: must be above low_freq_factor = {}, 1e6 at most",
        high_freq_factor, low_freq_factor);
  }
  void check_factors(std::size_t pairs) const {
    for (const auto* list : {&short_factors, &long_factors}) {
      require(list->size() == pairs, "model config: rope_scaling: {} factors: must be {}, one for each pair",
              list->size(), pairs);
      for (const float each : *list)
        require(std::isfinite(each) && each > 0.0F && each <= 1e6F,
                "model config: rope_scaling: factor {}: must be in (0, 1e6]", each);
    }
  }
};

}  // namespace zofo::model
