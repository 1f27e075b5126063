/// @file Decode steps on the GPU: storing keys and values in the cache, attention of single queries to it,
/// and the choice of the next token. T is bf16 or float.
#pragma once

#include "zofo/tensor/cache_view.hpp"
#include "zofo/tensor/cuda/kernels/attention.hpp"
#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Rows of qkv and where their keys and values are cached; arrays in device memory, one entry per row.
struct CachedRows {
  const std::int32_t* slot = nullptr;       ///< −1: padding
  const std::uint32_t* position = nullptr;  ///< within the slot
  std::uint32_t count = 0;                  ///< rows, padding included
};

/// Copies the keys and values of every row to its slot and position. A row at position prefix.length whose
/// `prefix_of` is not −1 is the first of a sequence with a prefix; the prefix is then copied to the positions
/// before it. Head dims are multiples of 8.
template <class T>
void cache_rows(cudaStream_t stream, const AttentionShape& shape, const CachedRows& rows,
                const AttentionPrefix<T>& prefix, const std::int32_t* prefix_of, const T* qkv,
                const CacheLayer<T>& cache);

/// Number of thread blocks that share the at most `longest` keys of a row: enough that a few rows occupy the
/// GPU, as long as each block has a tile of keys.
std::uint32_t decode_splits(const AttentionShape& shape, std::uint32_t rows, std::size_t longest);
/// Floats of workspace that decode_attention needs.
std::size_t decode_workspace(const AttentionShape& shape, std::uint32_t rows, std::uint32_t splits);

/// out[row, heads·dim] = attention of the row's query to positions 0 … position[row] of its slot, within the
/// window; 0 in padding. Throws zofo::Error for a head dim that is not a multiple of 8 up to 256.
/// Deterministic. Source: Vaswani et al. 2017, eq. 1; Dao et al. 2023 (Flash-Decoding: keys split over
/// blocks, whose sums are merged by their running maxima).
template <class T>
void decode_attention(cudaStream_t stream, const AttentionShape& shape, const CachedRows& rows,
                      std::uint32_t splits, const T* qkv, const CacheLayer<T>& cache, T* out,
                      float* workspace);

/// best[row] = the column of the highest of the row's first `columns` logits, the first of equal ones; −1 if
/// one is NaN. logits: [rows, stride].
void best_columns(cudaStream_t stream, const float* logits, std::uint32_t stride, std::uint32_t columns,
                  std::uint32_t rows, std::int32_t* best);

}  // namespace zofo::tensor::cuda
