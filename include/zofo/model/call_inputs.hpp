/// @file What one call of the transformer is given, on any backend.
#pragma once

#include <optional>
#include <span>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/peft/dropout.hpp"

namespace zofo::model {

/// Inputs of a call that pass by reference: all must outlive it. Vector: the backend's type of adapters;
/// Scalar: that of activations.
template <class Vector, class Scalar>
struct CallInputs {
  const Batch* batch = nullptr;  ///< that check_batch accepts; not null
  std::span<const Vector* const> adapters{};
  std::span<const Probe> probes{};            ///< a group that the backend evaluates together
  bool backward = false;                      ///< a backward pass follows: keep activations
  std::optional<peft::DropoutKey> dropout{};  ///< masks of LoRA's inputs; none: nothing is dropped
  CachedCall<Scalar> cached{};                ///< where keys and values are kept, if they are
};

}  // namespace zofo::model
