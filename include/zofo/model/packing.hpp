/// @file What a packed batch looks like to a block: positions, runs of one adapter, rotary tables.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/config.hpp"
#include "zofo/model/rotary.hpp"
#include "zofo/model/sites.hpp"

namespace zofo::model {

/// Throws Error unless every sequence, adapter, token and target of the batch is within the model.
inline void check_batch(const Config& config, const Batch& batch, std::size_t adapters) {
  require(batch.sequences() > 0, "transformer: the batch holds no sequence");
  for (std::size_t i = 0; i < batch.sequences(); ++i) {
    const std::uint32_t length = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
    require(length >= 1 && length <= config.context,
            "transformer: sequence {} has {} tokens: must be in [1, {}] (the model's context)", i, length,
            config.context);
    require(batch.adapter[i] >= -1 && batch.adapter[i] < static_cast<int>(adapters),
            "transformer: sequence {} asks for adapter {}: must be -1 (none) or below {}", i,
            batch.adapter[i], adapters);
  }
  const auto in_vocabulary = [&](std::int32_t token) {
    return token >= 0 && static_cast<std::uint32_t>(token) < config.vocab;
  };
  for (const std::int32_t token : batch.tokens)
    require(in_vocabulary(token), "transformer: token {}: must be in [0, {})", token, config.vocab);
  for (const Target& t : batch.targets)
    require(t.sequence < batch.sequences() &&
                t.position < batch.cu_seqlens[t.sequence + 1] - batch.cu_seqlens[t.sequence] &&
                in_vocabulary(t.token),
            "transformer: target (sequence {}, position {}, token {}) is outside the batch or the vocabulary",
            t.sequence, t.position, t.token);
}

/// Geometry of the current batch; the rotary tables grow to the longest sequence seen and stay.
class Packing {
 public:
  /// Takes up a batch that check_batch has passed; the batch must outlive its use.
  void set(const Config& config, const Batch& batch) {
    cu_seqlens_ = batch.cu_seqlens;
    positions_.clear();
    runs_.clear();
    std::uint32_t longest = 0;
    for (std::size_t i = 0; i < batch.sequences(); ++i) {
      const std::uint32_t first = batch.cu_seqlens[i];
      const std::uint32_t length = batch.cu_seqlens[i + 1] - first;
      for (std::uint32_t t = 0; t < length; ++t) positions_.push_back(t);
      longest = std::max(longest, length);
      if (!runs_.empty() && runs_.back().adapter == batch.adapter[i])
        runs_.back().count += length;
      else
        runs_.push_back({first, length, batch.adapter[i]});
    }
    if (config.rotary()) grow_rotary(config, longest);
  }

  [[nodiscard]] std::size_t tokens() const { return positions_.size(); }
  [[nodiscard]] std::span<const std::uint32_t> cu_seqlens() const { return cu_seqlens_; }
  [[nodiscard]] std::span<const std::uint32_t> positions() const { return positions_; }
  [[nodiscard]] std::span<const AdapterRun> runs() const { return runs_; }
  [[nodiscard]] std::span<const float> cosines() const { return cosines_; }
  [[nodiscard]] std::span<const float> sines() const { return sines_; }

 private:
  void grow_rotary(const Config& config, std::size_t length) {
    const std::size_t half = config.head_dim / 2;
    for (std::size_t t = cosines_.size() / half; t < length; ++t)
      for (std::size_t j = 0; j < half; ++j) {
        const double angle = static_cast<double>(t) * rotary_frequency(config, j);
        cosines_.push_back(static_cast<float>(std::cos(angle)));
        sines_.push_back(static_cast<float>(std::sin(angle)));
      }
  }

  std::span<const std::uint32_t> cu_seqlens_;
  std::vector<std::uint32_t> positions_;
  std::vector<AdapterRun> runs_;
  std::vector<float> cosines_, sines_;
};

}  // namespace zofo::model
