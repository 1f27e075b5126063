/// @file Log-probabilities from logits: a block reads a row of a slice once and keeps the highest logit and
/// the sum of exponentials below it; the gradient is one more pass over the logits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "zofo/tensor/cuda/kernels/head.hpp"
#include "zofo/tensor/cuda/launch_check.hpp"

namespace zofo::tensor::cuda {

namespace detail {

__device__ inline float minus_infinity() { return __int_as_float(static_cast<int>(0xFF800000U)); }

/// What exponents are taken relative to: 0 while there is nothing but −∞, whose difference would be NaN.
__device__ inline float exponent_base(float high) { return high == minus_infinity() ? 0.0F : high; }

__device__ inline RunningSum merged(const RunningSum& a, const RunningSum& b) {
  const float high = fmaxf(a.high, b.high), base = exponent_base(high);
  return {high, a.sum * expf(a.high - base) + b.sum * expf(b.high - base)};
}

/// Adds `count` logits, one rescaling for all. A NaN among them makes the sum NaN.
template <int count>
__device__ inline void add_logits(const float (&logit)[count], RunningSum& running) {
  float high = running.high;
#pragma unroll
  for (int i = 0; i < count; ++i) high = fmaxf(high, logit[i]);
  const float base = exponent_base(high);
  float sum = running.sum * expf(running.high - base);
#pragma unroll
  for (int i = 0; i < count; ++i) sum += expf(logit[i] - base);
  running = {high, sum};
}

/// The merged sums of a block's full warps, in thread 0.
__device__ inline RunningSum block_merged(RunningSum mine) {
  __shared__ RunningSum of_warp[32];
  const std::uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const auto over_warp = [&mine] {
#pragma unroll
    for (unsigned step = 16; step > 0; step /= 2) {
      const RunningSum other{__shfl_down_sync(0xFFFFFFFFU, mine.high, step),
                             __shfl_down_sync(0xFFFFFFFFU, mine.sum, step)};
      mine = merged(mine, other);
    }
  };
  over_warp();
  if (lane == 0) of_warp[warp] = mine;
  __syncthreads();
  if (warp == 0) {
    mine = lane < blockDim.x / 32 ? of_warp[lane] : RunningSum{minus_infinity(), 0.0F};
    over_warp();
  }
  return mine;
}

/// A thread's share of a row of `count` logits; the first 4·quads are read four at once.
__device__ inline RunningSum thread_sum(const float* row, std::uint32_t count, std::uint32_t quads) {
  constexpr std::uint32_t together = 4;
  RunningSum running{minus_infinity(), 0.0F};
  const auto* const four = reinterpret_cast<const float4*>(row);
  for (std::uint32_t first = threadIdx.x; first < quads; first += together * blockDim.x) {
    float logit[4 * together];
#pragma unroll
    for (std::uint32_t u = 0; u < together; ++u) {
      const std::uint32_t q = first + u * blockDim.x;
      float4 v{minus_infinity(), minus_infinity(), minus_infinity(), minus_infinity()};
      if (q < quads) v = __ldg(four + q);
      logit[4 * u] = v.x;
      logit[4 * u + 1] = v.y;
      logit[4 * u + 2] = v.z;
      logit[4 * u + 3] = v.w;
    }
    add_logits(logit, running);
  }
  for (std::uint32_t i = 4 * quads + threadIdx.x; i < count; i += blockDim.x) {
    const float logit[1] = {row[i]};
    add_logits(logit, running);
  }
  return running;
}

/// The first of a row's logits that may be read four at once, in fours.
__device__ inline std::uint32_t whole_quads(const float* logits, std::uint32_t stride, std::uint32_t count) {
  return stride % 4 == 0 && reinterpret_cast<std::uintptr_t>(logits) % 16 == 0 ? count / 4 : 0;
}

static __global__ void begin_sums_kernel(RunningSum* sums, std::size_t rows) {
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < rows) sums[i] = {minus_infinity(), 0.0F};
}

/// Grid: rows of a probe, probes.
template <int threads>
__global__ void __launch_bounds__(threads)
    add_slice_kernel(LogitSlice slice, Targets targets, RunningSum* sums, float* picked) {
  const std::uint32_t count = slice.count;
  const std::size_t place = std::size_t{blockIdx.y} * gridDim.x + blockIdx.x;
  const float* const row = slice.logits + place * slice.stride;
  const RunningSum sum = block_merged(thread_sum(row, count, whole_quads(slice.logits, slice.stride, count)));
  if (threadIdx.x == 0) sums[place] = merged(sums[place], sum);
  const std::uint32_t end = min(*targets.used, targets.capacity);
  for (std::uint32_t t = threadIdx.x; t < end; t += threads) {
    const TargetArgument target = targets.data[t];
    const std::uint32_t column =
        static_cast<std::uint32_t>(target.token) - slice.first;  // wraps below the slice
    if (target.row == blockIdx.x && column < count)
      picked[std::size_t{blockIdx.y} * targets.capacity + t] = row[column];
  }
}

/// Grid: targets, probes. Padding gets 0.
static __global__ void finish_kernel(const RunningSum* sums, std::uint32_t rows, Targets targets,
                                     const float* picked, double* log_p) {
  const std::uint32_t t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= targets.capacity) return;
  const std::size_t place = std::size_t{blockIdx.y} * targets.capacity + t;
  double value = 0.0;
  if (t < *targets.used) {
    const RunningSum sum = sums[std::size_t{blockIdx.y} * rows + targets.data[t].row];
    value = static_cast<double>(picked[place]) - static_cast<double>(sum.high) -
            log(static_cast<double>(sum.sum));
  }
  log_p[place] = value;
}

/// Σ of the d_log_p of a row's targets, in every thread; `any`: whether it has targets.
struct RowGradient {
  double total;
  bool any;
};
template <int threads>
__device__ inline RowGradient row_gradient(const TargetArgument* targets, std::uint32_t end,
                                           const double* d_log_p) {
  __shared__ double of_warp[threads / 32];
  double mine = 0.0;
  bool found = false;
  for (std::uint32_t t = threadIdx.x; t < end; t += threads)
    if (targets[t].row == blockIdx.y) {
      mine += d_log_p[t];
      found = true;
    }
#pragma unroll
  for (int step = 16; step > 0; step /= 2) mine += __shfl_xor_sync(0xFFFFFFFFU, mine, step);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = mine;
  RowGradient gradient{0.0, __syncthreads_or(found ? 1 : 0) != 0};
#pragma unroll
  for (int w = 0; w < threads / 32; ++w) gradient.total += of_warp[w];
  return gradient;
}

/// The part of d_logits that all columns have: −gradient·softmax.
struct SoftmaxShare {
  float high, share;  ///< the gradient is share·exp(logit − high)
  __device__ float operator()(float logit) const { return share * expf(logit - high); }
};

__device__ inline void store_scalar(float value, float* to) { *to = value; }
__device__ inline void store_scalar(float value, bf16* to) { *to = __float2bfloat16(value); }
__device__ inline void store_eight(const float (&value)[8], float* to) {
  auto* const four = reinterpret_cast<float4*>(to);
  four[0] = {value[0], value[1], value[2], value[3]};
  four[1] = {value[4], value[5], value[6], value[7]};
}
__device__ inline void store_eight(const float (&value)[8], bf16* to) {
  std::uint32_t word[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(value[2 * i], value[2 * i + 1]);
    word[i] = *reinterpret_cast<const std::uint32_t*>(&pair);
  }
  *reinterpret_cast<uint4*>(to) = uint4{word[0], word[1], word[2], word[3]};
}

/// Columns that a block of the gradient covers: eight a thread, a few times.
template <int threads_>
struct GradientBlock {
  static constexpr int threads = threads_;
  static constexpr std::uint32_t rounds = 4;
  static constexpr std::uint32_t columns = 8 * threads * rounds;
};

/// d_logits of columns begin … end − 1 of a row as if it had no target there; `eights`: 8 may be stored at
/// once.
template <class Block, class T>
__device__ inline void write_shares(const float* row, std::uint32_t begin, std::uint32_t end, bool eights,
                                    bool zero, const SoftmaxShare& share, T* to) {
  const std::uint32_t whole = eights ? begin + (end - begin) / 8 * 8 : begin;
#pragma unroll
  for (std::uint32_t r = 0; r < Block::rounds; ++r) {
    const std::uint32_t column = begin + 8 * (r * Block::threads + threadIdx.x);
    if (column >= whole) break;
    float value[8] = {};
    if (!zero) {
      const auto* const four = reinterpret_cast<const float4*>(row + column);
      const float4 low = __ldg(four), high = __ldg(four + 1);
      value[0] = share(low.x);
      value[1] = share(low.y);
      value[2] = share(low.z);
      value[3] = share(low.w);
      value[4] = share(high.x);
      value[5] = share(high.y);
      value[6] = share(high.z);
      value[7] = share(high.w);
    }
    store_eight(value, to + column);
  }
  for (std::uint32_t column = whole + threadIdx.x; column < end; column += Block::threads)
    store_scalar(zero ? 0.0F : share(row[column]), to + column);
}

/// Writes the columns of a row's targets among begin … end − 1 again. The warps share the targets; each one's
/// first occurrence answers for all of the same token.
template <class T>
__device__ inline void write_targets(const TargetArgument* targets, std::uint32_t count,
                                     const double* d_log_p, const float* row, std::uint32_t begin,
                                     std::uint32_t end, const SoftmaxShare& share, T* to) {
  const std::uint32_t lane = threadIdx.x % 32;
  for (std::uint32_t base = threadIdx.x / 32 * 32; base < count; base += blockDim.x) {
    TargetArgument mine;
    bool here = false;
    if (base + lane < count) {
      mine = targets[base + lane];
      const auto token = static_cast<std::uint32_t>(mine.token);
      here = mine.row == blockIdx.y && token >= begin && token < end;
    }
    std::uint32_t left = __ballot_sync(0xFFFFFFFFU, here);
    for (; left != 0; left &= left - 1) {
      const int leader = __ffs(static_cast<int>(left)) - 1;
      const std::int32_t token = __shfl_sync(0xFFFFFFFFU, mine.token, leader);
      const std::uint32_t first = base + static_cast<std::uint32_t>(leader);
      double gradient = 0.0;
      bool earlier = false;
      for (std::uint32_t t = lane; t < count; t += 32)
        if (targets[t].row == blockIdx.y && targets[t].token == token) {
          gradient += d_log_p[t];
          earlier |= t < first;
        }
      if (__any_sync(0xFFFFFFFFU, earlier)) continue;
#pragma unroll
      for (int step = 16; step > 0; step /= 2) gradient += __shfl_xor_sync(0xFFFFFFFFU, gradient, step);
      if (lane == 0) store_scalar(static_cast<float>(gradient + share(row[token])), to + token);
    }
  }
}

/// Grid: blocks of columns, rows.
template <class Block, class T>
__global__ void __launch_bounds__(Block::threads)
    logit_gradient_kernel(LogitSlice all, const RunningSum* sums, Targets targets, const double* d_log_p,
                          bool eights, T* d_logits) {
  const std::uint32_t end_of_targets = min(*targets.used, targets.capacity);
  const RowGradient gradient = row_gradient<Block::threads>(targets.data, end_of_targets, d_log_p);
  const RunningSum sum = sums[blockIdx.y];
  const SoftmaxShare share{sum.high, static_cast<float>(-gradient.total / static_cast<double>(sum.sum))};
  const float* const row = all.logits + std::size_t{blockIdx.y} * all.stride;
  T* const to = d_logits + std::size_t{blockIdx.y} * all.stride;
  const std::uint32_t begin = blockIdx.x * Block::columns, end = min(begin + Block::columns, all.count);
  write_shares<Block>(row, begin, end, eights, !gradient.any, share, to);
  if (!gradient.any) return;
  __syncthreads();
  write_targets(targets.data, end_of_targets, d_log_p, row, begin, end, share, to);
}

inline void launch_begin_sums(cudaStream_t stream, RunningSum* sums, std::size_t rows) {
  if (rows == 0) return;
  constexpr unsigned threads = 128;
  begin_sums_kernel<<<static_cast<unsigned>((rows + threads - 1) / threads), threads, 0, stream>>>(sums,
                                                                                                   rows);
  launched("begin_sums");
}

inline void launch_add_slice(cudaStream_t stream, const LogitSlice& slice, const Targets& targets,
                             RunningSum* sums, float* picked) {
  if (slice.rows == 0 || slice.probes == 0) return;
  constexpr int few = 256, many = 1024;
  const bool long_rows = slice.count > 16 * few;
  const auto kernel = long_rows ? &add_slice_kernel<many> : &add_slice_kernel<few>;
  kernel<<<dim3(slice.rows, slice.probes), static_cast<unsigned>(long_rows ? many : few), 0, stream>>>(
      slice, targets, sums, picked);
  launched("add_slice");
}

inline void launch_finish(cudaStream_t stream, const RunningSum* sums, std::uint32_t rows,
                          std::uint32_t probes, const Targets& targets, const float* picked, double* log_p) {
  if (targets.capacity == 0 || probes == 0) return;
  constexpr unsigned threads = 128;
  finish_kernel<<<dim3((targets.capacity + threads - 1) / threads, probes), threads, 0, stream>>>(
      sums, rows, targets, picked, log_p);
  launched("finish_log_probabilities");
}

}  // namespace detail

template <class T>
void logit_gradient(cudaStream_t stream, const LogitSlice& all, const RunningSum* sums,
                    const Targets& targets, const double* d_log_p, T* d_logits) {
  if (all.rows == 0 || all.count == 0) return;
  using Block = detail::GradientBlock<256>;
  const auto aligned = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; };
  const bool eights = all.stride % 8 == 0 && aligned(all.logits) && aligned(d_logits);
  detail::logit_gradient_kernel<Block, T>
      <<<dim3((all.count + Block::columns - 1) / Block::columns, all.rows), Block::threads, 0, stream>>>(
          all, sums, targets, d_log_p, eights, d_logits);
  launched("logit_gradient");
}

}  // namespace zofo::tensor::cuda
