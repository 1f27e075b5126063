/// @file The inputs of one call of the transformer, on any backend.
#pragma once

#include <optional>
#include <span>

#include "zofo/core/probe.hpp"
#include "zofo/model/batch.hpp"
#include "zofo/model/kv_cache.hpp"
#include "zofo/peft/dropout.hpp"

namespace zofo::model {

/// Inputs of a call, passed by reference: all must outlive it. Vector: the backend's type of adapters;
/// Scalar: its type of activations.
template <class Vector, class Scalar>
struct CallInputs {
  const Batch* batch = nullptr;               ///< not null; check_batch has accepted it
  std::span<const Vector* const> adapters{};  ///< those that the batch refers to
  std::span<const Probe> probes{};            ///< a group that the backend evaluates together
  bool backward = false;                      ///< a backward pass follows: activations are saved
  std::optional<peft::DropoutKey> dropout{};  ///< masks of LoRA's inputs; none: nothing is dropped
  CachedCall<Scalar> cached{};                ///< the key/value cache, if there is one
};

}  // namespace zofo::model
