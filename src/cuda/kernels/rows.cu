/// @file The row-wise operations compiled for the scalars that the backend uses.
#include "cuda/kernels/rows.cuh"

namespace zofo::tensor::cuda {

#define ZOFO_INSTANTIATE_ROWS(T)                                                                     \
  template void embed<T>(cudaStream_t, const Embedding&, const Rows&, const PackedTokens&, const T*, \
                         const T*, T*);                                                              \
  template void norm<T>(cudaStream_t, const NormForward<T>&);                                        \
  template void norm_backward<T>(cudaStream_t, const NormBackward<T>&);                              \
  template void finish_qkv<T>(cudaStream_t, const QkvFinish<T>&);                                    \
  template void segment_norm<T>(cudaStream_t, const SegmentNorm<T>&);                                \
  template void segment_norm_backward<T>(cudaStream_t, const SegmentNorm<T>&, const T*);             \
  template void scaled_sum<T>(cudaStream_t, std::size_t, const T*, const T*, float, T*);             \
  template void soft_cap_backward<T>(cudaStream_t, const SoftCap&, const float*, T*);                \
  template void activate<T>(cudaStream_t, const ActivationForward<T>&);                              \
  template void activate_backward<T>(cudaStream_t, const ActivationBackward<T>&);                    \
  template void gather_rows<T>(cudaStream_t, const Rows&, std::uint32_t, const std::uint32_t*,       \
                               std::uint32_t, const T*, T*);                                         \
  template void scatter_rows<T>(cudaStream_t, const Rows&, std::uint32_t, const std::uint32_t*,      \
                                std::uint32_t, const std::uint32_t*, const T*, T*);

ZOFO_INSTANTIATE_ROWS(bf16)
ZOFO_INSTANTIATE_ROWS(float)
#undef ZOFO_INSTANTIATE_ROWS

void soft_cap(cudaStream_t stream, const SoftCap& cap, float* logits) {
  detail::launch_soft_cap(stream, cap, logits);
}

}  // namespace zofo::tensor::cuda
