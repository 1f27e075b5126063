/// @file Variable-length causal grouped-query attention on the GPU, forward and backward.
#pragma once

#include "zofo/tensor/cuda/types.hpp"

namespace zofo::tensor::cuda {

/// Head counts; a row of qkv holds heads·dim queries, then kv_heads·dim keys, then as many values.
struct AttentionShape {
  std::uint32_t heads = 0;     ///< query heads
  std::uint32_t kv_heads = 0;  ///< key/value heads; divides `heads`
  std::uint32_t dim = 0;       ///< entries of a head
  std::uint32_t window = 0;    ///< keys that a query attends to, its own the last; 0: all up to its own
  float scale = 0.0F;          ///< multiplies scores; 0: 1/√dim
  float cap = 0.0F;            ///< scaled scores become cap·tanh(score/cap); 0: no cap
};

/// Keys and values that precede each sequence's own (prefix tuning), [length, kv_heads·dim] each. All queries
/// attend to them, within the window. Sequences without an adapter (−1) have none.
template <class T>
struct AttentionPrefix {
  const T* keys = nullptr;    ///< of adapter 0
  const T* values = nullptr;  ///< of adapter 0
  std::size_t stride = 0;     ///< entries from one adapter to the next
  std::uint32_t length = 0;   ///< virtual tokens; 0: no prefix
};

/// Gradients of prefixes in fp32, laid out as the prefixes; added to.
struct PrefixGradient {
  float* keys = nullptr;    ///< of adapter 0; null: not requested
  float* values = nullptr;  ///< of adapter 0
};

///@{
/// out[row, heads·dim] = causal attention within each sequence, at each probe; lse (null, or [rows, heads]
/// fp32) receives log Σ exp of the scaled and capped scores. bf16 with dim 64, 80 or 128 and no cap uses
/// tensor cores; other dims up to 256, caps and fp32 use a slower general kernel. Source: Vaswani et al.
/// 2017, eq. 1; Dao 2023 (FlashAttention-2, the order of sums).
void attention(cudaStream_t stream, const AttentionShape& shape, const Rows& rows, const PackedTokens& packed,
               const AttentionPrefix<bf16>& prefix, const bf16* qkv, bf16* out, float* lse);
void attention(cudaStream_t stream, const AttentionShape& shape, const Rows& rows, const PackedTokens& packed,
               const AttentionPrefix<float>& prefix, const float* qkv, float* out, float* lse);
///@}
/// Floats of workspace that attention_backward needs.
std::size_t attention_backward_workspace(const AttentionShape& shape, const Rows& rows,
                                         std::uint32_t sequences, std::uint32_t prefix_length);

/// Arguments of attention_backward.
template <class T>
struct AttentionBackward {
  ///@{
  /// The arguments of attention(), with `out` and `lse` as it wrote them.
  AttentionShape shape{};
  Rows rows{};
  PackedTokens packed{};
  AttentionPrefix<T> prefix{};
  const T* qkv = nullptr;
  const T* out = nullptr;
  const float* lse = nullptr;
  ///@}
  const T* d_out = nullptr;    ///< gradient of the output, [rows, heads·dim]
  T* d_qkv = nullptr;          ///< receives the gradient of qkv
  PrefixGradient d_prefix{};   ///< null: no gradient of the prefix
  float* workspace = nullptr;  ///< of attention_backward_workspace floats
};

///@{
/// d_qkv = the gradient of attention() for the output gradient d_out; rows of padding are set to 0.
/// Deterministic: no atomic sums.
void attention_backward(cudaStream_t stream, const AttentionBackward<bf16>& arguments);
void attention_backward(cudaStream_t stream, const AttentionBackward<float>& arguments);
///@}

}  // namespace zofo::tensor::cuda
