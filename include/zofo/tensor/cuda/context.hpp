/// @file One GPU: its streams, its cuBLAS handle and counters of its use.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "zofo/core/error.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/memory.hpp"
#include "zofo/tensor/cuda/usable.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::tensor::cuda {

namespace detail {
struct StreamEnd {
  void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};
struct EventEnd {
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
struct BlasEnd {
  void operator()(cublasLtHandle_t handle) const { cublasLtDestroy(handle); }
};
}  // namespace detail

///@{
/// Owners of a stream, an event and a cuBLAS handle.
using Stream = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, detail::StreamEnd>;
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, detail::EventEnd>;
using BlasHandle = std::unique_ptr<std::remove_pointer_t<cublasLtHandle_t>, detail::BlasEnd>;
///@}

/// Creates an event; with `timing`, cudaEventElapsedTime can read it.
inline Event make_event(bool timing = false) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming),
        "making an event");
  return Event(event);
}

/// How a Context is opened.
struct ContextOptions {
  int device = 0;              ///< number of the GPU
  bool deterministic = false;  ///< two runs on the same kind of GPU give the same bits
};

/// A GPU as the backend uses it. Work is queued on the main stream; work that may overlap it is queued on the
/// side stream between fork() and join(). For one thread at a time; opening a context makes its GPU the
/// thread's current one. Buffers may outlive it; objects that refer to it (Blas, running graphs) may not.
class Context {
 public:
  using Options = ContextOptions;  ///< how it is opened

  /// Bytes of cuBLAS's workspace, as NVIDIA recommends for Hopper.
  static constexpr std::size_t workspace_bytes = std::size_t{32} << 20U;

  /// The reason why GPU `device` cannot be used; nothing if it can.
  [[nodiscard]] static std::optional<std::string> unusable(int device = 0) {
    return reason_against(driver_view(device), device);
  }

  /// Opens a GPU. Throws Error with the reason if it cannot be used.
  explicit Context(Options options = {}) : options_(options), counters_(std::make_shared<Counters>()) {
    if (const auto reason = unusable(options.device)) fail("CUDA: {}", *reason);
    check(cudaSetDevice(options.device), "choosing the GPU");
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, options.device), "reading the GPU's properties");
    name_ = properties.name;
    multiprocessors_ = properties.multiProcessorCount;
    memory_ = properties.totalGlobalMem;
    main_ = make_stream();
    side_ = make_stream();
    forked_ = make_event();
    joined_ = make_event();
    cublasLtHandle_t handle = nullptr;
    check(cublasLtCreate(&handle), "opening cuBLAS");
    blas_.reset(handle);
    workspace_ = DeviceMemory(counters_, workspace_bytes);
  }

  ///@{
  /// How it was opened.
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] bool deterministic() const { return options_.deterministic; }
  ///@}
  ///@{
  /// The GPU's name, streaming multiprocessors and bytes of memory.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int multiprocessors() const { return multiprocessors_; }
  [[nodiscard]] std::size_t memory() const { return memory_; }
  ///@}
  /// Bytes of device memory that are free now.
  [[nodiscard]] static std::size_t free_memory() {
    std::size_t free = 0, all = 0;
    check(cudaMemGetInfo(&free, &all), "reading the free memory");
    return free;
  }

  ///@{
  /// The main stream, the side stream and the cuBLAS handle.
  [[nodiscard]] cudaStream_t stream() const { return main_.get(); }
  [[nodiscard]] cudaStream_t side_stream() const { return side_.get(); }
  [[nodiscard]] cublasLtHandle_t blas() const { return blas_.get(); }
  ///@}
  /// cuBLAS's workspace; only the main stream may use it.
  [[nodiscard]] void* workspace() const { return workspace_.data(); }

  ///@{
  /// Counters of allocations, synchronisations and graphs since the context was opened.
  [[nodiscard]] Counters& counters() { return *counters_; }
  [[nodiscard]] const Counters& counters() const { return *counters_; }
  [[nodiscard]] const std::shared_ptr<Counters>& shared_counters() const { return counters_; }
  ///@}

  /// Waits for the main stream and for work that joined it. Throws Error for errors inside kernels.
  void synchronise() {
    ++counters_->synchronisations;
    check(cudaStreamSynchronize(stream()), "waiting for the GPU");
  }

  /// Makes work queued on the side stream from now on wait for the work queued on the main stream so far.
  void fork() {
    check(cudaEventRecord(forked_.get(), stream()), "forking the side stream");
    check(cudaStreamWaitEvent(side_stream(), forked_.get(), 0), "forking the side stream");
    is_forked_ = true;
  }
  /// Makes the main stream wait for the work queued on the side stream so far. A capture must end joined.
  void join() {
    is_forked_ = false;
    check(cudaEventRecord(joined_.get(), side_stream()), "joining the side stream");
    check(cudaStreamWaitEvent(stream(), joined_.get(), 0), "joining the side stream");
  }
  /// Whether the side stream has been forked and not joined.
  [[nodiscard]] bool is_forked() const { return is_forked_; }

  /// Whether the main stream is being captured into a graph.
  [[nodiscard]] bool capturing() const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(stream(), &status), "reading the capture status");
    return status != cudaStreamCaptureStatusNone;
  }

  /// Adds the context's own memory to a plan.
  static void plan(MemoryPlan& plan) { plan.add("cuBLAS workspace", workspace_bytes); }

 private:
  // Non-blocking: the legacy stream of other code does not order ours.
  static Stream make_stream() {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    return Stream(stream);
  }

  Options options_;
  std::string name_;
  int multiprocessors_ = 0;
  std::size_t memory_ = 0;
  std::shared_ptr<Counters> counters_;
  Stream main_, side_;
  Event forked_, joined_;
  bool is_forked_ = false;
  BlasHandle blas_;
  DeviceMemory workspace_;
};

}  // namespace zofo::tensor::cuda
