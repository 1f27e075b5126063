/// @file Variable-length causal grouped-query attention on the GPU, forward and backward.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Head counts; a row of qkv holds heads·dim queries, then kv_heads·dim keys, then as many values. A query
/// sees `window` keys, its own the last of them and those of a prefix counted; 0: all up to its own.
struct AttentionShape {
  std::uint32_t heads = 0, kv_heads = 0, dim = 0;
  std::uint32_t window = 0;
};

/// Keys and values that come before each sequence's own (prefix tuning): those of adapter i start at
/// keys + i·stride and values + i·stride, [length, kv_heads·dim] each. All queries see them, within the
/// window. Sequences without an adapter (−1) have none. length 0: no prefix.
template <class T>
struct AttentionPrefix {
  const T* keys = nullptr;
  const T* values = nullptr;
  std::size_t stride = 0;
  std::uint32_t length = 0;
};

/// Gradients of a prefix in fp32, laid out as the prefix; added to.
struct PrefixGradient {
  float* keys = nullptr;
  float* values = nullptr;
};

/// out[row, heads·dim] = causal attention of each sequence by itself at each probe; lse (null, or [rows,
/// heads] fp32) receives log Σ exp of the scaled scores. Tensor cores for bf16 with dim 64, 80 or 128; any
/// other dim up to 256 and fp32 take a slower general kernel. Source: Vaswani et al. 2017, eq. 1; Dao 2023
/// (FlashAttention-2, the order of sums).
void attention(cudaStream_t stream, const AttentionShape& shape, const Rows& rows, const PackedTokens& packed,
               const AttentionPrefix<bf16>& prefix, const bf16* qkv, bf16* out, float* lse);
void attention(cudaStream_t stream, const AttentionShape& shape, const Rows& rows, const PackedTokens& packed,
               const AttentionPrefix<float>& prefix, const float* qkv, float* out, float* lse);

/// Floats of workspace that attention_backward needs.
std::size_t attention_backward_workspace(const AttentionShape& shape, const Rows& rows,
                                         std::uint32_t sequences, std::uint32_t prefix_length);

/// Arguments of attention_backward: those of attention(), with `out` and `lse` as it wrote them.
template <class T>
struct AttentionBackward {
  AttentionShape shape{};
  Rows rows{};
  PackedTokens packed{};
  AttentionPrefix<T> prefix{};
  const T* qkv = nullptr;
  const T* out = nullptr;
  const float* lse = nullptr;
  const T* d_out = nullptr;    ///< gradient of the output, [rows, heads·dim]
  T* d_qkv = nullptr;          ///< receives the gradient of qkv
  PrefixGradient d_prefix{};   ///< null: the prefix gets no gradient
  float* workspace = nullptr;  ///< of attention_backward_workspace floats
};

/// d_qkv = the gradient of attention() for the output gradient d_out. Every row of d_qkv that belongs to a
/// sequence is written; rows of padding are set to 0. Deterministic: no atomic sums.
void attention_backward(cudaStream_t stream, const AttentionBackward<bf16>& arguments);
void attention_backward(cudaStream_t stream, const AttentionBackward<float>& arguments);

}  // namespace zofo::tensor::cuda
