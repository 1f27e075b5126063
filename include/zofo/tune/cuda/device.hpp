/// @file A CUDA card as the device of a run.
#pragma once

#include <Eigen/Core>
#include <optional>

#include "zofo/model/cuda/backend.hpp"
#include "zofo/model/cuda/parameters.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/vector.hpp"

namespace zofo::tune {

/// A card, with weights and activations in T (bf16 or float). Holds the backbone that it was given last.
template <class T>
class CudaDevice {
 public:
  using Backend = model::CudaBackend<T>;

  /// Throws Error that says what is wrong where no card can be used.
  explicit CudaDevice(tensor::cuda::Context::Options options = {}) : context_(options) {}

  [[nodiscard]] Backend backend() { return Backend(context_); }
  /// Puts the backbone onto the card.
  model::CudaParameters<T>& place(const model::Parameters& theta) { return theta_.emplace(context_, theta); }
  [[nodiscard]] tensor::cuda::Vector vector(const Eigen::VectorXf& x) { return {context_, x}; }
  [[nodiscard]] static Eigen::VectorXf host(const tensor::cuda::Vector& x) { return x.host(); }
  /// The most of the card's memory that the run has held, in MiB.
  [[nodiscard]] double peak_mib() const {
    return static_cast<double>(context_.counters().peak_bytes) / static_cast<double>(1U << 20U);
  }
  [[nodiscard]] tensor::cuda::Context& context() { return context_; }

 private:
  tensor::cuda::Context context_;
  std::optional<model::CudaParameters<T>> theta_;
};

}  // namespace zofo::tune
