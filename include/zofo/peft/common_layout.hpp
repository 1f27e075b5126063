/// @file One layout for LoRA adapters of different ranks, scales and projections, so that one pass evaluates
/// all of them.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/peft/lora.hpp"
#include "zofo/peft/model_shape.hpp"

namespace zofo::peft {

/// The smallest layout that contains all of these: every projection that one of them adapts, the largest
/// rank, scale 1. Throws Error if the list is empty.
inline Lora common_layout(const ModelShape& shape, std::span<const Lora> layouts) {
  require(!layouts.empty(), "adapters: the list of layouts is empty");
  LoraOptions common{1, 1.0F, {}};
  for (const std::string_view name : projection_names)
    for (const Lora& each : layouts) {
      const std::vector<std::string>& targets = each.options().targets;
      if (std::ranges::find(targets, name) == targets.end()) continue;
      common.targets.emplace_back(name);
      break;
    }
  for (const Lora& each : layouts) common.rank = std::max(common.rank, each.rank());
  common.alpha = static_cast<float>(common.rank);
  return Lora(shape, common);
}

/// Converts an adapter to a larger layout; the model computes the same. A gains rows of zeros, B gains
/// columns of zeros and is multiplied by the ratio of the scales. Throws Error if the larger layout lacks a
/// projection or has a lower rank, or if `values` has another size than the layout `from`.
inline Eigen::VectorXf widen(const ModelShape& shape, const Lora& from, const Eigen::VectorXf& values,
                             const Lora& to) {
  require(static_cast<std::size_t>(values.size()) == from.size(), "adapter: {} entries: its layout has {}",
          values.size(), from.size());
  require(from.rank() <= to.rank(), "adapter: rank = {}: the common layout has rank {}", from.rank(),
          to.rank());
  Eigen::VectorXf wide = Eigen::VectorXf::Zero(static_cast<Eigen::Index>(to.size()));
  for (std::size_t layer = 0; layer < shape.layers; ++layer)
    for (std::size_t p = 0; p < projection_names.size(); ++p) {
      const Lora::Factors& small = from.factors(layer, static_cast<Projection>(p));
      const Lora::Factors& large = to.factors(layer, static_cast<Projection>(p));
      if (!small.used) continue;
      require(large.used, "adapter: projection '{}' is not part of the common layout", projection_names[p]);
      require(small.rank <= large.rank, "adapter: projection '{}': rank = {}: the common layout has rank {}",
              projection_names[p], small.rank, large.rank);
      const float ratio = small.scale / large.scale;
      std::copy_n(values.data() + small.a, std::size_t{small.rank} * small.in, wide.data() + large.a);
      for (std::size_t row = 0; row < small.out; ++row)
        for (std::size_t r = 0; r < small.rank; ++r)
          wide[static_cast<Eigen::Index>(large.b + row * large.rank + r)] =
              ratio * values[static_cast<Eigen::Index>(small.b + row * small.rank + r)];
    }
  return wide;
}

}  // namespace zofo::peft
