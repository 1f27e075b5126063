/// @file Arrays on the GPU and in pinned host memory.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/memory.hpp"

namespace zofo::tensor::cuda {

namespace detail {
/// n·size, or more than any memory where that does not fit a size_t.
constexpr std::size_t bytes_of(std::size_t n, std::size_t size) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2;
  return n > most / size ? most : n * size;
}
}  // namespace detail

/// An array of n values in device memory, initially undefined. Move-only. Allocating and freeing wait for the
/// GPU, so a steady step does neither.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "zofo: a Buffer holds plain values");

 public:
  /// An empty array.
  Buffer() = default;
  /// Allocates n values. Throws Error with the requested and the free size if they do not fit.
  Buffer(Context& context, std::size_t n)
      : memory_(context.shared_counters(), detail::bytes_of(n, sizeof(T))), size_(n) {}
  Buffer(Buffer&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~Buffer() = default;

  ///@{
  /// The values, in device memory.
  [[nodiscard]] T* data() { return static_cast<T*>(memory_.data()); }
  [[nodiscard]] const T* data() const { return static_cast<const T*>(memory_.data()); }
  ///@}
  /// Number of values.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Queues a copy of `values` to the first entries. Values in pinned memory must not change until it is
  /// done. Throws Error if there are more than `size()`.
  void upload(Context& context, std::span<const T> values) {
    require(values.size() <= size_, "buffer: {} values: must be at most {} (its size)", values.size(), size_);
    check(cudaMemcpyAsync(memory_.data(), values.data(), values.size_bytes(), cudaMemcpyHostToDevice,
                          context.stream()),
          "copying to the GPU");
  }
  /// The values on the CPU; waits for the GPU.
  [[nodiscard]] std::vector<T> download(Context& context) const {
    std::vector<T> values(size_);
    check(cudaMemcpyAsync(values.data(), memory_.data(), size_ * sizeof(T), cudaMemcpyDeviceToHost,
                          context.stream()),
          "copying from the GPU");
    context.synchronise();
    return values;
  }

 private:
  DeviceMemory memory_;
  std::size_t size_ = 0;
};

/// An array of n values in pinned host memory, initially undefined. Move-only.
template <class T>
class Pinned {
  static_assert(std::is_trivially_copyable_v<T>, "zofo: a Pinned array holds plain values");

 public:
  /// An empty array.
  Pinned() = default;
  /// Allocates n values. Throws Error with the requested size if they do not fit.
  Pinned(Context& context, std::size_t n)
      : memory_(context.shared_counters(), detail::bytes_of(n, sizeof(T))), size_(n) {}
  Pinned(Pinned&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  Pinned& operator=(Pinned&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~Pinned() = default;

  ///@{
  /// The values.
  [[nodiscard]] T* data() { return static_cast<T*>(memory_.data()); }
  [[nodiscard]] const T* data() const { return static_cast<const T*>(memory_.data()); }
  ///@}
  /// Number of values.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  PinnedMemory memory_;
  std::size_t size_ = 0;
};

}  // namespace zofo::tensor::cuda
