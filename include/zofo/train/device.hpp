/// @file Where a run computes: what training needs of a device, and the CPU.
#pragma once

#include <Eigen/Core>
#include <cstddef>

#include "zofo/model/forward.hpp"
#include "zofo/peft/adapter.hpp"

namespace zofo::llm {

struct ExampleBounds;
struct PassExamples;

/// The CPU, in fp32. Another device has the same members over its own backend. zofo::llm and zofo::cuda hold
/// the compiled runs of CpuDevice and CudaDevice. A program with its own device compiles them itself: it
/// includes train/impl/runs.hpp.
struct CpuDevice {
  using Backend = model::CpuBackend;  ///< model/cpu_backend.hpp

  /// The operations of a transformer on this device.
  [[nodiscard]] static Backend backend();
  /// The backbone where the device can update it: here the model's own weights.
  static model::Parameters& place(model::Parameters& theta) { return theta; }
  /// An adapter on the device.
  static Eigen::VectorXf vector(Eigen::VectorXf x) { return x; }
  /// An adapter copied back to the host.
  static Eigen::VectorXf host(const Eigen::VectorXf& x) { return x; }
  /// Called with the bounds of a run's passes before the first of them (train/memory_bounds.hpp). A device
  /// throws Error where they do not fit into its memory; the CPU does nothing.
  static void reserve(const model::Config& /*config*/, const peft::Adapter& /*adapter*/,
                      const ExampleBounds& /*example*/, const PassExamples& /*passes*/, bool /*recompute*/) {}
  /// Called with the capacity of a generation's cache and the tokens of its longest prefill pass. A device
  /// throws Error where they do not fit into its memory; the CPU does nothing.
  static void reserve_generation(const model::Config& config, const peft::Adapters& adapters,
                                 model::CacheCapacity cache, std::size_t prompt_tokens);
  /// The peak memory of the run on the device, in MiB.
  static double peak_mib();
};

}  // namespace zofo::llm
