/// @file Compiles decoding for bf16 and fp32.
#include "cuda/kernels/decode.cuh"

namespace zofo::tensor::cuda {

template <class T>
void cache_rows(cudaStream_t stream, const AttentionShape& shape, const CachedRows& rows,
                const AttentionPrefix<T>& prefix, const std::int32_t* prefix_of, const T* qkv,
                const CacheLayer<T>& cache) {
  detail::run_cache_rows(stream, shape, rows, prefix, prefix_of, qkv, cache);
}
template void cache_rows<bf16>(cudaStream_t, const AttentionShape&, const CachedRows&,
                               const AttentionPrefix<bf16>&, const std::int32_t*, const bf16*,
                               const CacheLayer<bf16>&);
template void cache_rows<float>(cudaStream_t, const AttentionShape&, const CachedRows&,
                                const AttentionPrefix<float>&, const std::int32_t*, const float*,
                                const CacheLayer<float>&);

std::uint32_t decode_splits(const AttentionShape& shape, std::uint32_t rows, std::size_t longest) {
  constexpr std::size_t wanted = 528;  // blocks: four on each of an H100's multiprocessors
  const std::size_t seen = shape.window == 0 ? longest : std::min<std::size_t>(longest, shape.window);
  const std::size_t tiles = (seen + detail::decode_threads - 1) / detail::decode_threads;
  const std::size_t others = std::size_t{rows} * shape.kv_heads;
  const std::size_t splits = (wanted + others - 1) / std::max<std::size_t>(others, 1);
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(std::min(splits, tiles), 1, detail::decode_most_splits));
}

std::size_t decode_workspace(const AttentionShape& shape, std::uint32_t rows, std::uint32_t splits) {
  return splits == 1 ? 0 : std::size_t{rows} * shape.heads * splits * (shape.dim + 2);
}

template <class T>
void decode_attention(cudaStream_t stream, const AttentionShape& shape, const CachedRows& rows,
                      std::uint32_t splits, const T* qkv, const CacheLayer<T>& cache, T* out,
                      float* workspace) {
  detail::run_decode(stream, shape, rows, splits, qkv, cache, out, workspace);
}
template void decode_attention<bf16>(cudaStream_t, const AttentionShape&, const CachedRows&, std::uint32_t,
                                     const bf16*, const CacheLayer<bf16>&, bf16*, float*);
template void decode_attention<float>(cudaStream_t, const AttentionShape&, const CachedRows&, std::uint32_t,
                                      const float*, const CacheLayer<float>&, float*, float*);

void best_columns(cudaStream_t stream, const float* logits, std::uint32_t stride, std::uint32_t columns,
                  std::uint32_t rows, std::int32_t* best) {
  if (rows == 0) return;
  detail::best_columns_kernel<<<rows, detail::best_threads, 0, stream>>>(logits, stride, columns, best);
  launched("best_columns");
}

}  // namespace zofo::tensor::cuda
