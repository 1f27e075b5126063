/// @file Cosines and sines of rotary positions, for every kind of layer and length of sequence.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/model/config.hpp"
#include "zofo/model/rotary.hpp"

namespace zofo::model {

/// Tables [rows, rotated/2] of a model's rotary positions. The first `positions()` rows are those of the
/// positions 0, 1, … with the frequencies of LayerRope::global; as many follow for layers of LayerRope::local
/// or for long sequences, if the model distinguishes them. They grow to the longest sequence so far.
class RotaryTables {
 public:
  /// Makes the tables hold at least `length` positions. In powers of two, so that decode steps rarely enlarge
  /// them.
  void grow(const Config& config, std::uint32_t length) {
    if (!config.rotary || length <= positions_) return;
    positions_ = std::min(std::bit_ceil(length), config.context);
    cosines_.clear();
    sines_.clear();
    append(config, false, LayerRope::global);
    if (config.rope_scaling.kind == RopeScaling::Kind::longrope) append(config, true, LayerRope::global);
    if (config.local_rope_base > 0.0F) append(config, false, LayerRope::local);
  }

  /// Positions of each table.
  [[nodiscard]] std::uint32_t positions() const { return positions_; }
  /// Row of a position in a sequence of `length` tokens, for layers of LayerRope::global.
  [[nodiscard]] std::uint32_t row(const Config& config, std::uint32_t position, std::uint32_t length) const {
    return config.rope_scaling.is_long(length) ? positions_ + position : position;
  }
  /// Entries before the tables of a layer with these positions.
  [[nodiscard]] std::size_t offset(const Config& config, LayerRope rope) const {
    return rope == LayerRope::local ? std::size_t{positions_} * (config.rotated() / 2) : 0;
  }
  ///@{
  /// All tables.
  [[nodiscard]] std::span<const float> cosines() const { return cosines_; }
  [[nodiscard]] std::span<const float> sines() const { return sines_; }
  ///@}

 private:
  void append(const Config& config, bool is_long, LayerRope rope) {
    const auto magnitude =
        static_cast<double>(rope == LayerRope::local ? 1.0F : config.rope_scaling.magnitude);
    std::vector<double> frequencies(config.rotated() / 2);
    for (std::size_t j = 0; j < frequencies.size(); ++j)
      frequencies[j] = rotary_frequency(config, j, is_long, rope);
    for (std::uint32_t t = 0; t < positions_; ++t)
      for (const double frequency : frequencies) {
        const double angle = static_cast<double>(t) * frequency;
        cosines_.push_back(static_cast<float>(magnitude * std::cos(angle)));
        sines_.push_back(static_cast<float>(magnitude * std::sin(angle)));
      }
  }

  std::uint32_t positions_ = 0;
  std::vector<float> cosines_, sines_;
};

}  // namespace zofo::model
