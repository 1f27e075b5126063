/// @file Vectors on the GPU: adapters, their gradients and moments (concept VectorSpace).
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>

#include "zofo/core/adam_numbers.hpp"
#include "zofo/core/error.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/kernels/vector.hpp"

namespace zofo::tensor::cuda {

/// An fp32 vector in device memory. All operations are queued on the context's stream; only `dot`, `norm` and
/// `host` wait. Copies are made on the GPU. Refers to the context.
class Vector {
 public:
  /// A zero vector. Throws Error if memory is short.
  Vector(Context& context, std::size_t size)
      : context_(&context), values_(context, size), sums_(make_sums(context)) {
    clear();
  }
  /// A copy of x. Throws Error if memory is short.
  Vector(Context& context, const Eigen::VectorXf& x)
      : context_(&context), values_(context, static_cast<std::size_t>(x.size())), sums_(make_sums(context)) {
    set(x);
  }
  Vector(const Vector& other)
      : context_(other.context_), values_(*other.context_, other.size()), sums_(other.sums_) {
    copy(other);
  }
  Vector& operator=(const Vector& other) {
    if (this == &other) return *this;
    if (size() != other.size()) values_ = Buffer<float>(*other.context_, other.size());
    context_ = other.context_;
    sums_ = other.sums_;
    copy(other);
    return *this;
  }
  Vector(Vector&&) noexcept = default;
  Vector& operator=(Vector&&) noexcept = default;
  ~Vector() = default;

  /// Entries.
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  ///@{
  /// The entries, in device memory.
  [[nodiscard]] float* data() { return values_.data(); }
  [[nodiscard]] const float* data() const { return values_.data(); }
  ///@}
  /// The GPU.
  [[nodiscard]] Context& context() const { return *context_; }

  /// Sets all entries to 0.
  void clear() {
    check(cudaMemsetAsync(data(), 0, size() * sizeof(float), context_->stream()), "clearing a vector");
  }
  /// Copies x. Throws Error if its size differs.
  void set(const Eigen::VectorXf& x) {
    require(static_cast<std::size_t>(x.size()) == size(), "vector on the GPU: {} entries: must be {}",
            x.size(), size());
    check(
        cudaMemcpyAsync(data(), x.data(), size() * sizeof(float), cudaMemcpyHostToDevice, context_->stream()),
        "loading a vector");
  }
  /// The entries in host memory; waits for the GPU.
  [[nodiscard]] Eigen::VectorXf host() const {
    Eigen::VectorXf x(static_cast<Eigen::Index>(size()));
    check(
        cudaMemcpyAsync(x.data(), data(), size() * sizeof(float), cudaMemcpyDeviceToHost, context_->stream()),
        "reading a vector");
    context_->synchronise();
    return x;
  }
  /// ⟨this, y⟩, summed in double in a fixed order; waits for the GPU.
  [[nodiscard]] double dot(const Vector& y) const {
    cuda::dot(context_->stream(), size(), data(), y.data(), sums_->workspace.data(), sums_->result.data());
    check(cudaMemcpyAsync(sums_->host.data(), sums_->result.data(), sizeof(double), cudaMemcpyDeviceToHost,
                          context_->stream()),
          "reading a sum");
    context_->synchronise();
    return sums_->host.data()[0];
  }

 private:
  struct Sums {
    Buffer<double> workspace, result;
    Pinned<double> host;
  };
  static std::shared_ptr<Sums> make_sums(Context& context) {
    return std::make_shared<Sums>(Sums{Buffer<double>(context, dot_workspace()), Buffer<double>(context, 1),
                                       Pinned<double>(context, 1)});
  }
  void copy(const Vector& other) {
    check(cudaMemcpyAsync(data(), other.data(), size() * sizeof(float), cudaMemcpyDeviceToDevice,
                          context_->stream()),
          "copying a vector");
  }

  Context* context_;
  Buffer<float> values_;
  std::shared_ptr<Sums> sums_;
};

///@{
/// Operations of concept VectorSpace; dot and norm wait for the GPU.
inline void axpy(double a, const Vector& x, Vector& y) {
  cuda::axpy(y.context().stream(), y.size(), static_cast<float>(a), x.data(), y.data());
}
[[nodiscard]] inline double dot(const Vector& x, const Vector& y) { return x.dot(y); }
[[nodiscard]] inline double norm(const Vector& x) { return std::sqrt(x.dot(x)); }
inline void scale(double a, Vector& x) {
  cuda::scale(x.context().stream(), x.size(), static_cast<float>(a), x.data());
}
inline void assign(const Vector& x, Vector& y) { y = x; }
[[nodiscard]] inline Vector zeros_like(const Vector& x) { return Vector(x.context(), x.size()); }
///@}

/// One step of inner::Adam on the GPU (concept inner::HasFusedAdam).
inline void adam_update(const zofo::AdamNumbers& numbers, const Vector& gradient, Vector& first,
                        Vector& second, Vector& x) {
  const AdamNumbers as_float{static_cast<float>(numbers.beta1),   static_cast<float>(numbers.beta2),
                             static_cast<float>(numbers.epsilon), static_cast<float>(numbers.rate),
                             static_cast<float>(numbers.bias2),   static_cast<float>(numbers.keep)};
  adam(x.context().stream(), x.size(), as_float, gradient.data(), first.data(), second.data(), x.data());
}

}  // namespace zofo::tensor::cuda
