/// @file Row-wise operations of the transformer on the GPU: embedding, norms, positions, activations. T is
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
/// 0, replaces that of `distribution`.
struct Embedding {
  std::uint32_t width = 0;
  std::uint32_t table_stream = 0;  ///< the table's stream of random numbers
  std::uint32_t position_stream = 0;
  std::uint32_t position_offset = 0;  ///< 2 for OPT
  LowRankTable table_noise{}, position_noise{};
  Distribution distribution = Distribution::none;
  const ProbeArgument* probes = nullptr;  ///< null: no noise
  bool add = false;                       ///< to what h holds
};
template <class T>
void embed(cudaStream_t stream, const Embedding& e, const Rows& rows, const PackedTokens& packed,
           const T* table, const T* positions, T* h);

/// Which norm: RMSNorm (bias unused) or LayerNorm.
enum class Norm : std::uint8_t { rms, layer };

/// Arguments of norm.
template <class T>
struct NormForward {
  Norm kind = Norm::rms;
  Rows rows{};
  std::uint32_t width = 0;
  T* h = nullptr;              ///< [rows, width]; written where there are products
  LowRankProducts products{};  ///< pending ones of the projection before: added to h first
  PerProbe<T> gain{}, bias{};
  float eps = 0.0F;
  T* x = nullptr;  ///< the result, [rows, width]
};

/// x[row] = norm(h[row])·gain (+ bias), after h[row] += the pending products. Throws zofo::Error above 16,384
/// columns, which registers do not hold; so does norm_backward.
template <class T>
void norm(cudaStream_t stream, const NormForward<T>& arguments);

/// Arguments of norm_backward.
template <class T>
struct NormBackward {
  Norm kind = Norm::rms;
  Rows rows{};
  std::uint32_t width = 0;
  const T* h = nullptr;  ///< what norm normalised, [rows, width]
  PerProbe<T> gain{};
  float eps = 0.0F;
  const T* dx = nullptr;       ///< gradient of the output, [rows, width]
  LowRankProducts products{};  ///< Σ dt A of these sites is added to dx first; `t` is their dt
  bool accumulate = true;      ///< false: dh is overwritten
  T* dh = nullptr;             ///< the result, [rows, width]; not null
};

/// dh[row] += the gradient of norm at h.
template <class T>
void norm_backward(cudaStream_t stream, const NormBackward<T>& arguments);

/// Rotary positions: the first `columns` of a row, which are heads of `dim` entries, are turned in pairs
/// (2i, 2i+1) by the angle of the row's position. columns 0 or `cosines` null: no rotation.
struct Rotation {
  std::uint32_t columns = 0;
  std::uint32_t dim = 0;
  const float* cosines = nullptr;  ///< [positions, dim/2]; sines likewise
  const float* sines = nullptr;
  float direction = 1.0F;  ///< −1 turns back
};

/// Arguments of finish_qkv.
template <class T>
struct QkvFinish {
  Rows rows{};
  const std::uint32_t* position = nullptr;  ///< of each token; may be null without a rotation
  Rotation rotation{};
  LowRankProducts products{};
  std::uint32_t stride = 0;
  T* qkv = nullptr;  ///< [rows, stride]
};

/// Adds the low-rank products to qkv, then rotates queries and keys.
template <class T>
void finish_qkv(cudaStream_t stream, const QkvFinish<T>& arguments);

/// Which activation: swiglu takes [gate | up] rows of 2·ffn, relu rows of ffn.
enum class Activation : std::uint8_t { swiglu, relu };

/// Arguments of activate.
template <class T>
struct ActivationForward {
  Activation kind = Activation::swiglu;
  Rows rows{};
  std::uint32_t ffn = 0;
  T* pre = nullptr;            ///< [rows, 2·ffn] (relu: [rows, ffn])
  LowRankProducts products{};  ///< added to pre first
  bool save_pre = false;       ///< write the sums back to pre
  T* y = nullptr;              ///< the result, [rows, ffn]; for relu it may be pre
};

/// y = activation(pre + products), of the sum as T holds it.
template <class T>
void activate(cudaStream_t stream, const ActivationForward<T>& arguments);

/// Arguments of activate_backward.
template <class T>
struct ActivationBackward {
  Activation kind = Activation::swiglu;
  Rows rows{};
  std::uint32_t ffn = 0;
  const T* pre = nullptr;      ///< as activate kept it; for relu it may be y, since only the sign counts
  const T* dy = nullptr;       ///< gradient of the output, [rows, ffn]
  LowRankProducts products{};  ///< Σ dt A of these sites is added to dy first; `t` is their dt
  T* d_pre = nullptr;          ///< the result, shaped as pre; may be pre
};

/// d_pre = the gradient of activate at pre.
template <class T>
void activate_backward(cudaStream_t stream, const ActivationBackward<T>& arguments);

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
