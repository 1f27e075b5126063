/// @file Tiles of bf16 rows in shared memory and their products on the tensor cores (mma.m16n8k16; fragments
/// as laid out in the PTX ISA, "Warp-level matrix instructions"). A block has four warps.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/attention_span.cuh"

namespace zofo::tensor::cuda::detail {

constexpr int attention_warps = 4;
constexpr int attention_threads = 32 * attention_warps;
constexpr int tile_rows = 16 * attention_warps;  ///< rows that the warps of a block own, 16 each
constexpr float log2_e = 1.4426950408889634F;
constexpr float ln_2 = 0.6931471805599453F;

/// Entries from one row of a tile to the next: an odd number of 16-byte pieces, so that the eight rows that
/// ldmatrix reads at once are in different banks.
template <int dim>
constexpr int pitch = dim + 8;

/// Rows of the side that is looped over; wide heads take fewer, to fit into registers.
template <int dim>
constexpr int loop_rows = dim > 96 ? 32 : 64;

__device__ inline std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

__device__ inline float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// ---- copies that run in the background ----

/// Queues a copy of 16 bytes, or 16 zeros where there is nothing to copy; `from` must be readable anyway.
__device__ inline void copy_16(std::uint32_t to, const void* from, bool exists) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(exists ? 16 : 0)
               : "memory");
}
__device__ inline void copy_4(std::uint32_t to, const void* from, bool exists) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(exists ? 4 : 0)
               : "memory");
}
/// Waits for the copies that this thread has queued.
__device__ inline void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

/// Queues `rows` rows of a tile: row r is at from + r·stride, zeros from row `count` (which is ≥ 1) on.
template <int dim, int rows>
__device__ inline void copy_rows(bf16* tile, const bf16* from, std::size_t stride, int count) {
  constexpr int pieces = dim / 8;
  static_assert(rows * pieces % attention_threads == 0);
#pragma unroll
  for (int i = 0; i < rows * pieces / attention_threads; ++i) {
    const int index = static_cast<int>(threadIdx.x) + i * attention_threads;
    const int r = index / pieces, c = index % pieces * 8;
    const bool exists = r < count;
    copy_16(shared_address(tile + r * pitch<dim> + c), from + (exists ? r : 0) * stride + c, exists);
  }
}

/// Queues `rows` keys of a tile from key `first` (which exists) on.
template <int dim, int rows>
__device__ inline void copy_keys(bf16* tile, const KeyRows<bf16>& keys, int first) {
  constexpr int pieces = dim / 8;
  static_assert(rows * pieces % attention_threads == 0);
#pragma unroll
  for (int i = 0; i < rows * pieces / attention_threads; ++i) {
    const int index = static_cast<int>(threadIdx.x) + i * attention_threads;
    const int r = index / pieces, c = index % pieces * 8;
    const bool exists = first + r < keys.count;
    copy_16(shared_address(tile + r * pitch<dim> + c), keys.at(exists ? first + r : first) + c, exists);
  }
}

// ---- products ----

/// A 16×16 operand of a product (or two 16×8 ones), spread over a warp.
struct Fragment {
  std::uint32_t part[4];
};

__device__ inline Fragment load_fragment(std::uint32_t address) {
  Fragment f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.part[0]), "=r"(f.part[1]), "=r"(f.part[2]), "=r"(f.part[3])
               : "r"(address));
  return f;
}
__device__ inline Fragment load_transposed(std::uint32_t address) {
  Fragment f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.part[0]), "=r"(f.part[1]), "=r"(f.part[2]), "=r"(f.part[3])
               : "r"(address));
  return f;
}

/// This lane's row address for a left operand stored [row, k], or a right one stored [k, column].
template <int row_pitch>
__device__ inline std::uint32_t down_address(const bf16* tile) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  return shared_address(tile + (lane % 16) * row_pitch + lane / 16 * 8);
}
/// This lane's row address for a right operand stored [column, k], or a left one stored [k, row].
template <int row_pitch>
__device__ inline std::uint32_t across_address(const bf16* tile) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  return shared_address(tile + (lane / 16 * 8 + lane % 8) * row_pitch + lane / 8 % 2 * 8);
}

/// sum += a·b, 16×8: a thread holds rows lane/4 (entries 0, 1) and lane/4 + 8 (2, 3), columns 2·(lane%4) and
/// the next.
__device__ inline void multiply_add(float (&sum)[4], const Fragment& a, std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, "
      "%1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a.part[0]), "r"(a.part[1]), "r"(a.part[2]), "r"(a.part[3]), "r"(b0), "r"(b1));
}

template <int blocks>
__device__ inline void clear(float (&sums)[blocks][4]) {
#pragma unroll
  for (int n = 0; n < blocks; ++n) sums[n][0] = sums[n][1] = sums[n][2] = sums[n][3] = 0.0F;
}

/// sums[16, 8·blocks] += a bᵀ for one k-step: b's rows are `row_pitch` apart, from this lane's address on.
template <int row_pitch, int blocks>
__device__ inline void product_step(float (&sums)[blocks][4], const Fragment& a, std::uint32_t b) {
#pragma unroll
  for (int n = 0; n < blocks / 2; ++n) {
    const Fragment right = load_fragment(b + static_cast<std::uint32_t>(n * 16 * row_pitch * 2));
    multiply_add(sums[2 * n], a, right.part[0], right.part[1]);
    multiply_add(sums[2 * n + 1], a, right.part[2], right.part[3]);
  }
}

/// sums = A Bᵀ over the head's dim; `a` (down) and `b` (across) are this lane's addresses.
template <int dim, int blocks>
__device__ inline void row_products(float (&sums)[blocks][4], std::uint32_t a, std::uint32_t b) {
  clear(sums);
#pragma unroll
  for (std::uint32_t k = 0; k < dim / 16; ++k)
    product_step<pitch<dim>>(sums, load_fragment(a + k * 32), b + k * 32);
}
template <int dim, int blocks>
__device__ inline void row_products(float (&sums)[blocks][4], const Fragment (&a)[dim / 16],
                                    std::uint32_t b) {
  clear(sums);
#pragma unroll
  for (std::uint32_t k = 0; k < dim / 16; ++k) product_step<pitch<dim>>(sums, a[k], b + k * 32);
}

/// sums[16, 8·blocks] += a · (16 rows stored [k, column]); `b` (down) is this lane's address of them.
template <int blocks>
__device__ inline void column_step(float (&sums)[blocks][4], const Fragment& a, std::uint32_t b) {
#pragma unroll
  for (std::uint32_t n = 0; n < blocks / 2; ++n) {
    const Fragment right = load_transposed(b + n * 32);
    multiply_add(sums[2 * n], a, right.part[0], right.part[1]);
    multiply_add(sums[2 * n + 1], a, right.part[2], right.part[3]);
  }
}
/// sums += A B for `steps` k-steps of A in registers, B stored [k, column].
template <int dim, int blocks, int steps>
__device__ inline void column_products(float (&sums)[blocks][4], const Fragment (&a)[steps],
                                       std::uint32_t b) {
#pragma unroll
  for (int k = 0; k < steps; ++k)
    column_step(sums, a[k], b + static_cast<std::uint32_t>(k * 16 * pitch<dim> * 2));
}

/// Two values as bf16 in one word, the first in the lower half.
__device__ inline std::uint32_t narrow_pair(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}

/// A product's sums as the left operand of the next one: the layouts agree.
template <int blocks>
__device__ inline void narrow_operand(const float (&sums)[blocks][4], Fragment (&operand)[blocks / 2]) {
#pragma unroll
  for (int k = 0; k < blocks / 2; ++k) {
    operand[k].part[0] = narrow_pair(sums[2 * k][0], sums[2 * k][1]);
    operand[k].part[1] = narrow_pair(sums[2 * k][2], sums[2 * k][3]);
    operand[k].part[2] = narrow_pair(sums[2 * k + 1][0], sums[2 * k + 1][1]);
    operand[k].part[3] = narrow_pair(sums[2 * k + 1][2], sums[2 * k + 1][3]);
  }
}

// ---- what is not seen ----

/// Sets to `value` the columns > reach + r of row r.
template <int blocks>
__device__ inline void mask_right(float (&scores)[blocks][4], int reach, float value) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  reach += lane / 4 - lane % 4 * 2;
#pragma unroll
  for (int n = 0; n < blocks; ++n)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      if (n * 8 + e % 2 > reach + e / 2 * 8) scores[n][e] = value;
}

/// Sets to `value` the columns ≤ reach + r of row r.
template <int blocks>
__device__ inline void mask_left(float (&scores)[blocks][4], int reach, float value) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  reach += lane / 4 - lane % 4 * 2;
#pragma unroll
  for (int n = 0; n < blocks; ++n)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      if (n * 8 + e % 2 <= reach + e / 2 * 8) scores[n][e] = value;
}

// ---- results ----

/// Writes a warp's 16×(8·blocks) sums, times a factor for each of the two rows of a thread, into shared rows
/// that no other warp uses, so that they leave for memory in 16-byte pieces.
template <int row_pitch, int blocks>
__device__ inline void stage_rows(bf16* rows, const float (&sums)[blocks][4], float upper, float lower) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  bf16* to = rows + lane / 4 * row_pitch + lane % 4 * 2;
  __syncwarp();  // other lanes have read what lay there
#pragma unroll
  for (int n = 0; n < blocks; ++n) {
    *reinterpret_cast<std::uint32_t*>(to + n * 8) = narrow_pair(sums[n][0] * upper, sums[n][1] * upper);
    *reinterpret_cast<std::uint32_t*>(to + 8 * row_pitch + n * 8) =
        narrow_pair(sums[n][2] * lower, sums[n][3] * lower);
  }
  __syncwarp();
}

/// Stores rows `from` … `count` − 1 of the 16 that stage_rows wrote; row r goes to `to` + r·stride (for rows
/// before `from` that address need not exist).
template <int row_pitch, int columns>
__device__ inline void store_rows(const bf16* rows, bf16* to, std::ptrdiff_t stride, int from, int count) {
  constexpr int pieces = columns / 8;
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int i = 0; i < 16 * pieces / 32; ++i) {
    const int index = lane + i * 32, r = index / pieces, c = index % pieces * 8;
    if (r >= from && r < count)
      *reinterpret_cast<uint4*>(to + r * stride + c) =
          *reinterpret_cast<const uint4*>(rows + r * row_pitch + c);
  }
}

/// Lets `kernel` use `bytes` of shared memory.
template <class Kernel>
void allow_shared(Kernel kernel, int bytes) {
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
}

}  // namespace zofo::tensor::cuda::detail
