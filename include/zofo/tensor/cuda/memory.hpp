/// @file Allocation of device memory and of pinned host memory, with counters. The backend allocates only
/// here.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::tensor::cuda {

/// Counters of a context since it was opened. A steady step changes only `graph_launches` and, by one,
/// `synchronisations`.
struct Counters {
  std::uint64_t allocations = 0;       ///< of device memory and pinned memory
  std::uint64_t synchronisations = 0;  ///< times that the host waited for the GPU
  std::uint64_t graph_launches = 0;    ///< launches of graphs
  std::uint64_t kernels_captured = 0;  ///< kernels in all captured graphs
  std::uint64_t bytes = 0;             ///< device memory in use now
  std::uint64_t peak_bytes = 0;        ///< maximum of `bytes`
  std::uint64_t pinned_bytes = 0;      ///< pinned memory in use now
};

/// A block of device memory, aligned to 256 bytes; its contents are undefined.
class DeviceMemory {
 public:
  /// An empty block.
  DeviceMemory() = default;
  /// Allocates a block. Throws Error with the requested and the free size if it does not fit.
  DeviceMemory(std::shared_ptr<Counters> counters, std::size_t bytes)
      : counters_(std::move(counters)), bytes_(bytes) {
    if (bytes_ == 0) return;
    const cudaError_t status = cudaMalloc(&data_, bytes_);
    if (status == cudaErrorMemoryAllocation) refuse();
    check(status, "allocating memory on the GPU");
    ++counters_->allocations;
    counters_->bytes += bytes_;
    counters_->peak_bytes = std::max(counters_->peak_bytes, counters_->bytes);
  }
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    DeviceMemory(std::move(other)).swap(*this);  // frees the old block at once
    return *this;
  }
  ~DeviceMemory() {
    if (data_ == nullptr) return;
    cudaFree(data_);
    counters_->bytes -= bytes_;
  }

  /// First byte, in device memory.
  [[nodiscard]] void* data() const { return data_; }
  /// Size.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(counters_, other.counters_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  [[noreturn]] void refuse() const {
    cudaGetLastError();
    std::size_t free = 0, all = 0;
    cudaMemGetInfo(&free, &all);
    fail("CUDA: out of memory: {} requested, {} of the GPU's {} are free (this program uses {})",
         bytes_text(bytes_), bytes_text(free), bytes_text(all), bytes_text(counters_->bytes));
  }

  std::shared_ptr<Counters> counters_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A block of host memory that the GPU reads and writes directly; its contents are undefined.
class PinnedMemory {
 public:
  /// An empty block.
  PinnedMemory() = default;
  /// Allocates a block. Throws Error with the requested size if it does not fit.
  PinnedMemory(std::shared_ptr<Counters> counters, std::size_t bytes)
      : counters_(std::move(counters)), bytes_(bytes) {
    if (bytes_ == 0) return;
    const cudaError_t status = cudaMallocHost(&data_, bytes_);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      fail("CUDA: out of pinned host memory: {} requested (this program uses {})", bytes_text(bytes_),
           bytes_text(counters_->pinned_bytes));
    }
    check(status, "allocating pinned host memory");
    ++counters_->allocations;
    counters_->pinned_bytes += bytes_;
  }
  PinnedMemory(PinnedMemory&& other) noexcept { swap(other); }
  PinnedMemory& operator=(PinnedMemory&& other) noexcept {
    PinnedMemory(std::move(other)).swap(*this);
    return *this;
  }
  ~PinnedMemory() {
    if (data_ == nullptr) return;
    cudaFreeHost(data_);
    counters_->pinned_bytes -= bytes_;
  }

  /// First byte.
  [[nodiscard]] void* data() const { return data_; }
  /// Size.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  void swap(PinnedMemory& other) noexcept {
    std::swap(counters_, other.counters_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }

  std::shared_ptr<Counters> counters_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace zofo::tensor::cuda
