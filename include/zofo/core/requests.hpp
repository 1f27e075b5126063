/// @file The requests of a solver to a problem: losses and gradients, many in one call.
#pragma once

#include <cstdint>

#include "zofo/core/batch_key.hpp"

namespace zofo {

/// One loss: F or G of one adapter on one mini-batch. The task is the batch's.
template <class P>
struct LossRequest {
  Level level = Level::upper;  ///< which loss: F or G
  const P* adapter = nullptr;  ///< p or s
  BatchKey batch;              ///< mini-batch and task
};

/// Value and gradient in the adapter of upper_weight · F + lower_weight · G. A part of weight 0 is not
/// evaluated. Both batches name the task.
template <class P>
struct GradientRequest {
  const P* adapter = nullptr;  ///< where value and gradient are taken
  double upper_weight = 0.0;   ///< weight of F
  double lower_weight = 0.0;   ///< weight of G
  BatchPair batches;           ///< the mini-batches of F and of G
  P* gradient = nullptr;       ///< result; has the adapter's shape
  double value = 0.0;          ///< result

  /// Index of the task.
  [[nodiscard]] std::uint32_t task() const { return batches.lower.task; }
};

}  // namespace zofo
