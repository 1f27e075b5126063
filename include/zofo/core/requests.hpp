/// @file What a solver asks a problem for: losses and gradients, many in one call.
#pragma once

#include <cstdint>

#include "zofo/core/batch_key.hpp"

namespace zofo {

/// One loss: F or G of one adapter on one mini-batch. The task is the batch's.
template <class P>
struct LossRequest {
  Level level = Level::upper;
  const P* adapter = nullptr;
  BatchKey batch;
};

/// Value and gradient in the adapter of upper_weight · F + lower_weight · G. A part of weight 0 is not
/// evaluated. Both batches name the task.
template <class P>
struct GradientRequest {
  const P* adapter = nullptr;
  double upper_weight = 0.0;
  double lower_weight = 0.0;
  BatchPair batches;
  P* gradient = nullptr;  ///< written; has the adapter's shape
  double value = 0.0;     ///< written

  [[nodiscard]] std::uint32_t task() const { return batches.lower.task; }
};

}  // namespace zofo
