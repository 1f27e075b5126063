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

/// An array of n values on the GPU, undefined at first. Move-only. Taking and freeing memory waits for the
/// GPU, so a steady step does neither.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "zofo: a Buffer holds plain values");

 public:
  Buffer() = default;
  /// Throws Error that says how much was asked for and how much is free where it does not fit.
  Buffer(Context& context, std::size_t n)
      : memory_(context.shared_counters(), detail::bytes_of(n, sizeof(T))), size_(n) {}
  Buffer(Buffer&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~Buffer() = default;

  [[nodiscard]] T* data() { return static_cast<T*>(memory_.data()); }
  [[nodiscard]] const T* data() const { return static_cast<const T*>(memory_.data()); }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Queues a copy of `values` to the first entries. They must stay as they are until it is done if they lie
  /// in pinned memory. Throws Error if they are too many.
  void upload(Context& context, std::span<const T> values) {
    require(values.size() <= size_, "buffer: {} values for one of {}", values.size(), size_);
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

/// An array of n values in pinned host memory, undefined at first. Move-only.
template <class T>
class Pinned {
  static_assert(std::is_trivially_copyable_v<T>, "zofo: a Pinned array holds plain values");

 public:
  Pinned() = default;
  /// Throws Error that says how much was asked for where it does not fit.
  Pinned(Context& context, std::size_t n)
      : memory_(context.shared_counters(), detail::bytes_of(n, sizeof(T))), size_(n) {}
  Pinned(Pinned&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  Pinned& operator=(Pinned&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~Pinned() = default;

  [[nodiscard]] T* data() { return static_cast<T*>(memory_.data()); }
  [[nodiscard]] const T* data() const { return static_cast<const T*>(memory_.data()); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  PinnedMemory memory_;
  std::size_t size_ = 0;
};

}  // namespace zofo::tensor::cuda
