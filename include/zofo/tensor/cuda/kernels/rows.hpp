/// @file Row-wise operations of the transformer on the GPU: embedding, norms, positions, activations. T is
/// bf16 or float; sums are fp32. Widths are multiples of 8, rows dense unless a stride is given.
#pragma once

#include "zofo/tensor/cuda/kernels/noise.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Low-rank noise of a table: probes[j].scale/√rank·Σ_l u[l·rows + i] v[l·width + …] is added to row i at
/// probe j.
struct LowRankTable {
  const float* u = nullptr;  ///< factor of probe 0, [rank, rows]
  const float* v = nullptr;  ///< factor of probe 0, [rank, width]
  std::size_t stride = 0;    ///< floats from one probe to the next
  std::uint32_t rank = 0;    ///< 0: no low-rank noise
  std::uint32_t rows = 0;    ///< of the table
};

/// Arguments of embed.
struct Embedding {
  std::uint32_t width = 0;                         ///< columns of the tables and of h
  std::uint32_t table_stream = 0;                  ///< the table's stream of random numbers
  std::uint32_t position_stream = 0;               ///< likewise of the positions
  std::uint32_t position_offset = 0;               ///< 2 for OPT
  LowRankTable table_noise{};                      ///< of the tokens
  LowRankTable position_noise{};                   ///< of the positions
  Distribution distribution = Distribution::none;  ///< of dense noise
  const ProbeArgument* probes = nullptr;           ///< null: no noise
  bool add = false;                                ///< add to h; else h is overwritten
};

/// h[row] = table[token] + z (+ positions[position + position_offset] + z); the noise z of the row's probe is
/// generated in registers, only for rows that are read. `positions` null: the model is rotary, or positions
/// are added by a later call whose `table` is null and `add` true. Low-rank noise of a table, if its rank is
/// not 0, replaces that of `distribution`. h: [rows, width].
template <class T>
void embed(cudaStream_t stream, const Embedding& e, const Rows& rows, const PackedTokens& packed,
           const T* table, const T* positions, T* h);

/// Which norm: RMSNorm (bias unused) or LayerNorm.
enum class Norm : std::uint8_t { rms, layer };

/// Arguments of norm.
template <class T>
struct NormForward {
  Norm kind = Norm::rms;       ///< which norm
  Rows rows{};                 ///< of all probes
  std::uint32_t width = 0;     ///< columns
  T* h = nullptr;              ///< [rows, width]; overwritten if there are products
  LowRankProducts products{};  ///< pending low-rank products, added to h first
  PerProbe<T> gain{};          ///< [width]
  PerProbe<T> bias{};          ///< [width]; unused by RMSNorm
  float eps = 0.0F;            ///< added to the mean square or variance
  float offset = 0.0F;         ///< added to the gain
  T* x = nullptr;              ///< the result, [rows, width]
};

/// x[row] = norm(h[row])·(gain + offset) (+ bias), after h[row] += the pending products. Throws zofo::Error
/// if width is above 16,384, which registers do not hold; so does norm_backward.
template <class T>
void norm(cudaStream_t stream, const NormForward<T>& arguments);

/// Arguments of norm_backward.
template <class T>
struct NormBackward {
  Norm kind = Norm::rms;       ///< which norm
  Rows rows{};                 ///< of one probe
  std::uint32_t width = 0;     ///< columns
  const T* h = nullptr;        ///< what norm normalised, [rows, width]
  PerProbe<T> gain{};          ///< [width]
  float eps = 0.0F;            ///< as in norm
  float offset = 0.0F;         ///< as in norm
  const T* dx = nullptr;       ///< gradient of the output, [rows, width]
  LowRankProducts products{};  ///< Σ dt A of these projections is added to dx first; `t` is their dt
  bool accumulate = true;      ///< false: dh is overwritten
  T* dh = nullptr;             ///< the result, [rows, width]; not null
};

/// dh[row] += the gradient of norm at h.
template <class T>
void norm_backward(cudaStream_t stream, const NormBackward<T>& arguments);

/// Rotation by positions: the first `columns` columns of a row are heads of `dim` entries; of the first
/// `turned` entries of each, pairs (2i, 2i+1) are rotated by the angle of the row's position.
struct Rotation {
  std::uint32_t columns = 0;       ///< 0: no rotation
  std::uint32_t dim = 0;           ///< entries of a head
  std::uint32_t turned = 0;        ///< rotated entries of a head, even
  const float* cosines = nullptr;  ///< [positions, turned/2]; sines likewise
  const float* sines = nullptr;    ///< [positions, turned/2]
  float direction = 1.0F;          ///< −1: the inverse rotation
};

/// Arguments of finish_qkv.
template <class T>
struct QkvFinish {
  Rows rows{};                              ///< of all probes
  const std::uint32_t* position = nullptr;  ///< row of the tables of each token; may be null without rotation
  Rotation rotation{};                      ///< of queries and keys
  LowRankProducts products{};               ///< added first
  std::uint32_t stride = 0;                 ///< distance of two rows
  T* qkv = nullptr;                         ///< [rows, stride]
};

/// Adds the low-rank products to qkv, then rotates queries and keys.
template <class T>
void finish_qkv(cudaStream_t stream, const QkvFinish<T>& arguments);

/// The segments of a row that segment_norm normalises: query_count segments of query_size columns, then
/// key_count of key_size. Sizes are multiples of 8.
struct NormSegments {
  ///@{
  /// Number and size of the segments of queries, and of those of keys.
  std::uint32_t query_count = 0, query_size = 0, key_count = 0, key_size = 0;
  ///@}
};

/// Arguments of segment_norm.
template <class T>
struct SegmentNorm {
  Rows rows{};               ///< of all probes
  std::uint32_t stride = 0;  ///< distance of two rows
  NormSegments segments{};   ///< of each row
  PerProbe<T> query_gain{};  ///< [query_size]
  PerProbe<T> key_gain{};    ///< [key_size]
  float offset = 0.0F;       ///< added to the gains
  float eps = 0.0F;          ///< added to the mean square
  T* x = nullptr;            ///< [rows, stride]
};

/// Each segment becomes its RMSNorm, in place.
template <class T>
void segment_norm(cudaStream_t stream, const SegmentNorm<T>& arguments);
/// The gradient of segment_norm at `raw`, in place of the output gradient, which is the arguments' x.
template <class T>
void segment_norm_backward(cudaStream_t stream, const SegmentNorm<T>& arguments, const T* raw);

/// to[i] = from[i] + factor·x[i] for i < count, a multiple of 8; `from` null: 0. `to` may be `from` or x.
template <class T>
void scaled_sum(cudaStream_t stream, std::size_t count, const T* from, const T* x, float factor, T* to);

/// A scale and a cap of logits: x becomes scale·x, or cap·tanh(scale·x/cap) where cap > 0.
struct SoftCap {
  ///@{
  /// The logits: rows, columns, distance of two rows.
  std::uint32_t rows = 0, columns = 0, stride = 0;
  ///@}
  float scale = 1.0F;  ///< multiplies logits
  float cap = 0.0F;    ///< 0: no cap
};

/// Logits are scaled and capped, in place.
void soft_cap(cudaStream_t stream, const SoftCap& cap, float* logits);
/// The gradient of soft_cap, in place of the output gradient; `logits`: what it wrote. Both have the cap's
/// stride.
template <class T>
void soft_cap_backward(cudaStream_t stream, const SoftCap& cap, const float* logits, T* d_logits);

/// Which activation: swiglu and geglu take [gate | up] rows of 2·ffn, relu rows of ffn.
enum class Activation : std::uint8_t { swiglu, relu, geglu };

/// Arguments of activate.
template <class T>
struct ActivationForward {
  Activation kind = Activation::swiglu;  ///< which activation
  Rows rows{};                           ///< of all probes
  std::uint32_t ffn = 0;                 ///< columns of y
  T* pre = nullptr;                      ///< [rows, 2·ffn] (relu: [rows, ffn])
  LowRankProducts products{};            ///< added to pre first
  bool save_pre = false;                 ///< write the sums back to pre, for activate_backward
  T* y = nullptr;                        ///< the result, [rows, ffn]; for relu it may be pre
};

/// y = activation(pre + products); the sum is rounded to T first.
template <class T>
void activate(cudaStream_t stream, const ActivationForward<T>& arguments);

/// Arguments of activate_backward.
template <class T>
struct ActivationBackward {
  Activation kind = Activation::swiglu;  ///< which activation
  Rows rows{};                           ///< of one probe
  std::uint32_t ffn = 0;                 ///< columns of dy
  const T* pre = nullptr;      ///< as activate saved it; for relu it may be y: only the sign is read
  const T* dy = nullptr;       ///< gradient of the output, [rows, ffn]
  LowRankProducts products{};  ///< Σ dt A of these projections is added to dy first; `t` is their dt
  T* d_pre = nullptr;          ///< the result, shaped as pre; may be pre
};

/// d_pre = the gradient of activate at pre.
template <class T>
void activate_backward(cudaStream_t stream, const ActivationBackward<T>& arguments);

/// out[i] = h[row[i]] at every probe (row: tokens of one probe); out: [probes, count, width].
template <class T>
void gather_rows(cudaStream_t stream, const Rows& rows, std::uint32_t width, const std::uint32_t* row,
                 std::uint32_t count, const T* h, T* out);
/// h = 0, then h[row[i]] = d[i]; one probe. Entries of `row` from *used (in device memory) on are padding and
/// skipped.
template <class T>
void scatter_rows(cudaStream_t stream, const Rows& rows, std::uint32_t width, const std::uint32_t* row,
                  std::uint32_t count, const std::uint32_t* used, const T* d, T* h);

}  // namespace zofo::tensor::cuda
