/// @file Row-wise operations of the transformer on the card: embedding, norms, positions, activations. T is
/// bf16 or float; sums are fp32. Widths are multiples of 8, rows dense unless a stride is given.
#pragma once

#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Low-rank noise of a table of `rows` rows: row i gets probes[j].scale/√rank·Σ_l u[l·rows + i] v[l·width +
/// …], the factors of probe j at u + j·stride and v + j·stride.
struct LowRankTable {
  const float* u = nullptr;
  const float* v = nullptr;
  std::size_t stride = 0;
  std::uint32_t rank = 0, rows = 0;
};

/// h[row] = table[token] + z (+ positions[position + position_offset] + z), the noise of the row's probe made
/// in registers: only rows that are read are generated. `positions` null: rotary model, or positions that are
/// added later, by a call whose `table` is null and `add` true. A table's low-rank noise, if its rank is not
/// 0, replaces the law's.
struct Embedding {
  std::uint32_t width = 0;
  std::uint32_t table_stream = 0;  ///< the table's stream of random numbers
  std::uint32_t position_stream = 0;
  std::uint32_t position_offset = 0;  ///< 2 for OPT
  LowRankTable table_noise, position_noise;
  bool add = false;  ///< to what h holds
};
template <class T>
void embed(cudaStream_t stream, const Embedding& e, const Rows& rows, const PackedTokens& packed, Law law,
           const ProbeArgument* probes, const T* table, const T* positions, T* h);

/// Which norm: RMSNorm (bias unused) or LayerNorm.
enum class Norm : std::uint8_t { rms, layer };

/// x[row] = norm(h[row])·gain (+ bias). Where `pending.count` > 0, first h[row] += the pending low-rank
/// products of t (what the projection before left to add), written back. h, x: [rows, width]; t: [rows,
/// pending.t_width] fp32. Throws zofo::Error above 16,384 columns, which registers do not hold; so
/// does norm_backward.
template <class T>
void norm(cudaStream_t stream, Norm kind, const Rows& rows, std::uint32_t width, T* h,
          const LowRankSites& pending, const std::int32_t* adapter, const float* t, PerProbe<T> gain,
          PerProbe<T> bias, float eps, T* x);

/// dh[row] += the gradient of norm at h for the output gradient dx; where `low_rank.count` > 0, dx[row] is
/// first raised by the low-rank share Σ dt A of its sites (dt: [rows, low_rank.t_width] fp32). `dh` null on
/// entry is not allowed; `accumulate` false: dh is overwritten.
template <class T>
void norm_backward(cudaStream_t stream, Norm kind, const Rows& rows, std::uint32_t width, const T* h,
                   PerProbe<T> gain, float eps, const T* dx, const LowRankSites& low_rank,
                   const std::int32_t* adapter, const float* dt, bool accumulate, T* dh);

/// Adds the low-rank products of t (if any) to qkv, then turns the pairs (2i, 2i+1) of the first
/// `rotated_heads` heads by the position's angle; `direction` −1 turns back. cosines, sines: [positions,
/// dim/2] fp32; null: no rotation. qkv: [rows, stride].
template <class T>
void finish_qkv(cudaStream_t stream, const Rows& rows, const PackedTokens& packed,
                std::uint32_t rotated_heads, std::uint32_t dim, std::uint32_t stride,
                const LowRankSites& sites, const float* t, const float* cosines, const float* sines,
                float direction, T* qkv);

/// Which activation: swiglu takes [gate | up] rows of 2·ffn, relu rows of ffn.
enum class Activation : std::uint8_t { swiglu, relu };

/// Adds the low-rank products of t (if any) to `pre` (written back only if `keep_pre`), y = activation(pre)
/// of the sum as T holds it. For relu y may be `pre`.
template <class T>
void activate(cudaStream_t stream, Activation kind, const Rows& rows, std::uint32_t ffn, T* pre,
              const LowRankSites& sites, const std::int32_t* adapter, const float* t, bool keep_pre, T* y);

/// d_pre = the gradient of activate at pre for dy; where `low_rank.count` > 0, dy is first raised by Σ dt A
/// of its sites. For relu `pre` may be y itself (the sign is what counts). d_pre may be pre.
template <class T>
void activate_backward(cudaStream_t stream, Activation kind, const Rows& rows, std::uint32_t ffn,
                       const T* pre, const T* dy, const LowRankSites& low_rank, const std::int32_t* adapter,
                       const float* dt, T* d_pre);

/// out[i] = h[row[i]] at every probe (row: tokens of one probe); out: [probes, count, width].
template <class T>
void gather_rows(cudaStream_t stream, const Rows& rows, std::uint32_t width, const std::uint32_t* row,
                 std::uint32_t count, const T* h, T* out);
/// h = 0, then h[row[i]] = d[i]; one probe. Entries of `row` from `used` on (a device number) are padding and
/// skipped.
template <class T>
void scatter_rows(cudaStream_t stream, const Rows& rows, std::uint32_t width, const std::uint32_t* row,
                  std::uint32_t count, const std::uint32_t* used, const T* d, T* h);

}  // namespace zofo::tensor::cuda
