/// @file Where a run computes: what fine-tuning asks of a device, and the CPU.
#pragma once

#include <Eigen/Core>
#include <utility>

#include "zofo/model/parameters.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/train/memory_bounds.hpp"
#include "zofo/train/peak_memory.hpp"

namespace zofo::llm {

/// The CPU, in fp32. Another device has the same members over a backend of its own.
struct CpuDevice {
  using Backend = model::CpuBackend;

  /// The operations of a transformer on this device.
  [[nodiscard]] Backend backend() const { return {}; }
  /// The backbone where the device can move it: here the model's own weights.
  static model::Parameters& place(model::Parameters& theta) { return theta; }
  /// An adapter on the device, and back.
  static Eigen::VectorXf vector(Eigen::VectorXf x) { return x; }
  static Eigen::VectorXf host(const Eigen::VectorXf& x) { return x; }
  /// Told how large a run's passes get, before the first. Throws Error where they cannot fit.
  static void reserve(const model::Config& /*config*/, const peft::Adapter& /*adapter*/,
                      const ExampleBounds& /*row*/, const PassExamples& /*rows*/, bool /*recompute*/) {}
  /// Told of the cache that texts are written with and of the tokens of the longest pass that reads prompts.
  /// Throws Error where they cannot fit.
  static void reserve_generation(const model::Config& /*config*/, const peft::Adapters& /*adapters*/,
                                 model::CacheCapacity /*cache*/, std::size_t /*prompt_tokens*/) {}
  /// The most memory that the run has held on the device, in MiB.
  static double peak_mib() { return llm::peak_mib(); }
};

}  // namespace zofo::llm
