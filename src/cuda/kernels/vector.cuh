/// @file Kernels and launchers of vector.hpp. Each thread accesses packs of four floats where the pointers
/// allow, single ones elsewhere and at the end.
#pragma once

#include <type_traits>

#include "cuda/kernels/row_pack.cuh"
#include "zofo/tensor/cuda/kernels/vector.hpp"

namespace zofo::tensor::cuda {

namespace detail {

constexpr unsigned vector_threads = 256;
/// Blocks of a sum's first pass: a constant, so that every GPU adds in one order.
constexpr unsigned dot_blocks = 256;
/// Entries below which a block is not worth its launch.
constexpr std::size_t dot_entries = 4096;

/// Whether all pointers may be read in pieces of 16 bytes.
template <class... Pointers>
bool lie_in_packs(Pointers... pointer) {
  return ((reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0) && ...);
}

/// The grid that gives each thread one pack of `size` of n entries.
inline unsigned vector_blocks(std::size_t n, int size) {
  return blocks_of(n, static_cast<std::size_t>(vector_threads) * static_cast<std::size_t>(size));
}

/// The calling thread's entries, `size` in a row or what is left of them.
template <int size>
struct VectorSlot {
  std::size_t first, left;
  __device__ explicit VectorSlot(std::size_t n)
      : first(size * (std::size_t{blockIdx.x} * vector_threads + threadIdx.x)),
        left(first < n ? n - first : 0) {}
  [[nodiscard]] __device__ bool whole() const { return left >= size; }
};

/// value = entries of x; those that do not exist are 0.
template <int size, class T>
__device__ inline void load_entries(const VectorSlot<size>& place, const T* x, float (&value)[size]) {
  if (place.whole()) {
    if constexpr (size * sizeof(T) >= 4)
      load_values(x + place.first, value);
    else
      value[0] = static_cast<float>(x[place.first]);
    return;
  }
#pragma unroll
  for (std::size_t i = 0; i < size; ++i)
    value[i] = i < place.left ? static_cast<float>(x[place.first + i]) : 0.0F;
}

template <int size, class T>
__device__ inline void store_entries(const VectorSlot<size>& place, const float (&value)[size], T* x) {
  if (place.whole()) {
    if constexpr (size * sizeof(T) >= 4)
      store_values(value, x + place.first);
    else
      x[place.first] = static_cast<T>(value[0]);
    return;
  }
#pragma unroll
  for (std::size_t i = 0; i < size; ++i)
    if (i < place.left) x[place.first + i] = static_cast<T>(value[i]);
}

template <int size>
__global__ void __launch_bounds__(vector_threads)
    axpy_kernel(std::size_t n, float a, const float* x, float* y) {
  const VectorSlot<size> place(n);
  float from[size], to[size];
  load_entries(place, x, from);
  load_entries(place, y, to);
#pragma unroll
  for (int i = 0; i < size; ++i) to[i] = fmaf(a, from[i], to[i]);
  store_entries(place, to, y);
}

template <int size>
__global__ void __launch_bounds__(vector_threads) scale_kernel(std::size_t n, float a, float* x) {
  const VectorSlot<size> place(n);
  float value[size];
  load_entries(place, x, value);
#pragma unroll
  for (int i = 0; i < size; ++i) value[i] *= a;
  store_entries(place, value, x);
}

template <int size>
__global__ void __launch_bounds__(vector_threads)
    adam_kernel(std::size_t n, AdamNumbers a, const float* g, float* m, float* v, float* x) {
  const VectorSlot<size> place(n);
  float gradient[size], first[size], second[size], value[size];
  load_entries(place, g, gradient);
  load_entries(place, m, first);
  load_entries(place, v, second);
  load_entries(place, x, value);
#pragma unroll
  for (int i = 0; i < size; ++i) {
    first[i] = a.beta1 * first[i] + (1.0F - a.beta1) * gradient[i];
    second[i] = a.beta2 * second[i] + (1.0F - a.beta2) * gradient[i] * gradient[i];
    value[i] = a.keep * value[i] - a.rate * first[i] / (sqrtf(second[i] * a.bias2) + a.epsilon);
  }
  store_entries(place, first, m);
  store_entries(place, second, v);
  store_entries(place, value, x);
}

template <int size, class From, class To>
__global__ void __launch_bounds__(vector_threads) convert_kernel(std::size_t n, const From* x, To* out) {
  const VectorSlot<size> place(n);
  float value[size];
  load_entries(place, x, value);
  store_entries(place, value, out);
}

template <int size, class T>
__global__ void __launch_bounds__(vector_threads)
    find_not_finite_kernel(std::size_t n, const T* x, std::uint32_t* found) {
  const VectorSlot<size> place(n);
  float value[size];
  load_entries(place, x, value);
  bool all_finite = true;
#pragma unroll
  for (int i = 0; i < size; ++i) all_finite &= isfinite(value[i]);
  if (!all_finite) *found = 1;  // whoever writes writes the same
}

/// Sums over a block in a fixed order; thread 0 has the result.
__device__ inline double block_total(double value) {
  __shared__ double partial[vector_threads / 32];
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xFFFFFFFFU, value, step);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  double total = 0.0;
#pragma unroll
  for (unsigned i = 0; i < vector_threads / 32; ++i) total += partial[i];
  return total;
}

/// out[block] = Σ x y over every gridDim.x-th piece of the vectors.
template <int size>
__global__ void __launch_bounds__(vector_threads)
    dot_kernel(std::size_t n, const float* x, const float* y, double* out) {
  double sum = 0.0;
  VectorSlot<size> place(n);
  const std::size_t stride = std::size_t{gridDim.x} * vector_threads * size;
  for (; place.first < n; place.first += stride) {
    place.left = n - place.first;
    float a[size], b[size];
    load_entries(place, x, a);
    load_entries(place, y, b);
#pragma unroll
    for (int i = 0; i < size; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  const double total = block_total(sum);
  if (threadIdx.x == 0) out[blockIdx.x] = total;
}

/// *out = the sum of at most vector_threads partial sums.
__global__ void __launch_bounds__(vector_threads)
    dot_total_kernel(unsigned count, const double* partial, double* out) {
  const double total = block_total(threadIdx.x < count ? partial[threadIdx.x] : 0.0);
  if (threadIdx.x == 0) *out = total;
}
static_assert(dot_blocks <= vector_threads);

/// Calls launch(size) with the pack's size as a constant: `most` where the pointers allow, else 1.
template <int most, class Launch, class... Pointers>
void with_packs(const Launch& launch, Pointers... pointer) {
  if (lie_in_packs(pointer...))
    launch(std::integral_constant<int, most>{});
  else
    launch(std::integral_constant<int, 1>{});
}

/// out[i] = To(x[i]).
template <class From, class To>
void convert(cudaStream_t stream, std::size_t n, const From* x, To* out) {
  with_packs<8>(
      [&](auto size) {
        convert_kernel<size()><<<vector_blocks(n, size()), vector_threads, 0, stream>>>(n, x, out);
      },
      x, out);
}

}  // namespace detail

template <class T>
void find_not_finite(cudaStream_t stream, std::size_t n, const T* x, std::uint32_t* found) {
  if (n == 0) return;
  using namespace detail;
  with_packs<8>(
      [&](auto size) {
        find_not_finite_kernel<size()><<<vector_blocks(n, size()), vector_threads, 0, stream>>>(n, x, found);
      },
      x);
  launched("find_not_finite");
}

}  // namespace zofo::tensor::cuda
