/// @file Compiles attention for bf16 and fp32.
#include "cuda/kernels/attention.cuh"

namespace zofo::tensor::cuda {

void attention(cudaStream_t stream, const AttentionShape& shape, const Rows& rows, const PackedTokens& packed,
               const AttentionPrefix<bf16>& prefix, const bf16* qkv, bf16* out, float* lse) {
  detail::run_attention(stream, shape, rows, packed, prefix, qkv, out, lse);
}
void attention(cudaStream_t stream, const AttentionShape& shape, const Rows& rows, const PackedTokens& packed,
               const AttentionPrefix<float>& prefix, const float* qkv, float* out, float* lse) {
  detail::run_attention(stream, shape, rows, packed, prefix, qkv, out, lse);
}

std::size_t attention_backward_workspace(const AttentionShape& shape, const Rows& rows,
                                         std::uint32_t sequences, std::uint32_t prefix_length) {
  const std::size_t prefix = std::size_t{prefix_length} * shape.kv_heads * shape.dim;
  return detail::delta_floats(shape, rows) + 2 * std::size_t{rows.probes} * sequences * prefix;
}

void attention_backward(cudaStream_t stream, const AttentionBackward<bf16>& arguments) {
  detail::run_attention_backward(stream, arguments);
}
void attention_backward(cudaStream_t stream, const AttentionBackward<float>& arguments) {
  detail::run_attention_backward(stream, arguments);
}

}  // namespace zofo::tensor::cuda
