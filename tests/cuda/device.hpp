/// @file Arrays on the GPU and comparisons for the CUDA tests.
#pragma once

#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Throws with CUDA's words unless `status` is success.
inline void must(cudaError_t status) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("CUDA in a test: ") + cudaGetErrorString(status));
}

/// A device array that a test owns; without values its bytes are 0xFF, which makes every float a NaN, so that
/// an entry nobody wrote shows.
template <class T>
class DeviceArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit DeviceArray(std::size_t size) : size_(size) {
    if (size_ == 0) return;
    must(cudaMalloc(reinterpret_cast<void**>(&data_), size_ * sizeof(T)));
    must(cudaMemset(data_, 0xFF, size_ * sizeof(T)));
    must(cudaDeviceSynchronize());
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    if (size_ == 0) return;
    must(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
    must(cudaDeviceSynchronize());  // non-blocking streams do not wait for the copy
  }
  DeviceArray(DeviceArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~DeviceArray() { cudaFree(data_); }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// The values, once everything under way on the GPU is done.
  [[nodiscard]] std::vector<T> host() const {
    std::vector<T> values(size_);
    must(cudaDeviceSynchronize());
    if (size_ > 0) must(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// n values uniform in [−amplitude, amplitude).
inline std::vector<float> random_values(std::uint64_t seed, std::size_t n, float amplitude = 1.0F) {
  std::mt19937_64 engine(seed);
  std::vector<float> values(n);
  for (float& x : values) x = amplitude * (static_cast<float>(engine() >> 40) * 0x1p-23F - 1.0F);
  return values;
}

/// ‖a − b‖ / ‖b‖ in double; NaN if an entry is, and infinite if the sizes differ.
template <class A, class B>
double relative_error(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double difference = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x =
        static_cast<double>(static_cast<std::conditional_t<std::is_same_v<A, bf16>, float, A>>(a[i]));
    const auto y =
        static_cast<double>(static_cast<std::conditional_t<std::is_same_v<B, bf16>, float, B>>(b[i]));
    difference += (x - y) * (x - y);
    norm += y * y;
  }
  return norm == 0.0 ? (difference == 0.0 ? 0.0 : HUGE_VAL + difference) : std::sqrt(difference / norm);
}

/// Rounds to the nearest bf16, ties to even.
inline std::vector<bf16> to_bf16(const std::vector<float>& values) {
  std::vector<bf16> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = __float2bfloat16(values[i]);
  return out;
}
inline std::vector<float> to_float(const std::vector<bf16>& values) {
  std::vector<float> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = __bfloat162float(values[i]);
  return out;
}

/// Values rounded to a scalar, and back.
template <class T>
std::vector<T> scalars(const std::vector<float>& x) {
  if constexpr (std::is_same_v<T, bf16>)
    return to_bf16(x);
  else
    return x;
}
template <class T>
std::vector<float> floats(const std::vector<T>& x) {
  if constexpr (std::is_same_v<T, bf16>)
    return to_float(x);
  else
    return x;
}

}  // namespace zofo::tensor::cuda
