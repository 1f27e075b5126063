/// @file Times on the GPU, and what the GPU can do at most.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "zofo/tensor/cuda/blas.hpp"
#include "zofo/tensor/cuda/buffer.hpp"
#include "zofo/tensor/cuda/context.hpp"
#include "zofo/tensor/cuda/error.hpp"
#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/kernels/vector.hpp"

namespace zofo::bench {

/// Two events around a piece of work on one stream.
class GpuTimer {
 public:
  /// Milliseconds from the GPU's reaching the work's begin to its reaching its end.
  template <class Work>
  double operator()(cudaStream_t stream, Work&& work) {
    tensor::cuda::check(cudaEventRecord(begin_.get(), stream), "recording an event");
    work();
    tensor::cuda::check(cudaEventRecord(end_.get(), stream), "recording an event");
    tensor::cuda::check(cudaEventSynchronize(end_.get()), "waiting for an event");
    float ms = 0.0F;
    tensor::cuda::check(cudaEventElapsedTime(&ms, begin_.get(), end_.get()), "reading a time");
    return static_cast<double>(ms);
  }

 private:
  tensor::cuda::Event begin_ = tensor::cuda::make_event(true), end_ = tensor::cuda::make_event(true);
};

/// Median milliseconds of n runs after three to warm up.
template <class Work>
double median_ms(cudaStream_t stream, std::size_t n, Work&& work) {
  for (int i = 0; i < 3; ++i) work();
  GpuTimer timer;
  std::vector<double> times;
  for (std::size_t i = 0; i < n; ++i) times.push_back(timer(stream, work));
  std::sort(times.begin(), times.end());
  return 0.5 * (times[(n - 1) / 2] + times[n / 2]);
}

/// What the GPU reached: floating-point operations a second of a product of two 8192 x 8192 matrices, bytes
/// read and written a second by a copy of 1 GiB.
struct GpuLimits {
  double flops = 0.0;
  double bandwidth = 0.0;
  std::string gpu;  ///< its name
};

/// Normals of a stream in T; a product of zeros would run at a higher clock than any real one.
template <class T>
tensor::cuda::Buffer<T> normals_on_gpu(tensor::cuda::Context& context, std::uint32_t stream, std::size_t n) {
  tensor::cuda::Buffer<float> wide(context, n);
  tensor::cuda::fill(context.stream(), tensor::cuda::Distribution::gaussian, {1, 0, 0, 1.0F, 0}, stream, 0, n,
                     wide.data());
  if constexpr (std::is_same_v<T, float>) {
    return wide;
  } else {
    tensor::cuda::Buffer<T> narrow(context, n);
    tensor::cuda::narrow(context.stream(), n, wide.data(), narrow.data());
    context.synchronise();
    return narrow;
  }
}

/// Measures the limits for T.
template <class T>
GpuLimits measure_limits(tensor::cuda::Context& context) {
  GpuLimits limits;
  limits.gpu = context.name();
  {
    const std::size_t n = 8192;
    const auto x = normals_on_gpu<T>(context, 0, n * n), w = normals_on_gpu<T>(context, 1, n * n);
    tensor::cuda::Buffer<T> y(context, n * n);
    tensor::cuda::Blas blas(context);
    tensor::cuda::Product product;
    product.rows = product.out = product.in = n;
    const T* const no_bias = nullptr;
    const double ms = median_ms(context.stream(), 20,
                                [&] { blas.multiply(product, x.data(), w.data(), no_bias, y.data()); });
    limits.flops = 2.0 * static_cast<double>(n * n * n) / (ms * 1e-3);
  }
  {
    const std::size_t bytes = std::size_t{1} << 30U;
    tensor::cuda::Buffer<unsigned char> from(context, bytes), to(context, bytes);
    const double ms = median_ms(context.stream(), 20, [&] {
      tensor::cuda::check(
          cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, context.stream()),
          "copying");
    });
    limits.bandwidth = 2.0 * static_cast<double>(bytes) / (ms * 1e-3);
  }
  return limits;
}

}  // namespace zofo::bench
