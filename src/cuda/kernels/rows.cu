/// @file The row-wise operations compiled for the scalars that the backend uses.
#include "cuda/kernels/rows.cuh"

namespace zofo::tensor::cuda {

#define ZOFO_INSTANTIATE_ROWS(T)                                                                            \
  template void embed<T>(cudaStream_t, const Embedding&, const Rows&, const PackedTokens&, Law,             \
                         const ProbeArgument*, const T*, const T*, T*);                                     \
  template void norm<T>(cudaStream_t, Norm, const Rows&, std::uint32_t, T*, const LowRankSites&,            \
                        const std::int32_t*, const float*, PerProbe<T>, PerProbe<T>, float, T*);            \
  template void norm_backward<T>(cudaStream_t, Norm, const Rows&, std::uint32_t, const T*, PerProbe<T>,     \
                                 float, const T*, const LowRankSites&, const std::int32_t*, const float*,   \
                                 bool, T*);                                                                 \
  template void finish_qkv<T>(cudaStream_t, const Rows&, const PackedTokens&, std::uint32_t, std::uint32_t, \
                              std::uint32_t, const LowRankSites&, const float*, const float*, const float*, \
                              float, T*);                                                                   \
  template void activate<T>(cudaStream_t, Activation, const Rows&, std::uint32_t, T*, const LowRankSites&,  \
                            const std::int32_t*, const float*, bool, T*);                                   \
  template void activate_backward<T>(cudaStream_t, Activation, const Rows&, std::uint32_t, const T*,        \
                                     const T*, const LowRankSites&, const std::int32_t*, const float*, T*); \
  template void gather_rows<T>(cudaStream_t, const Rows&, std::uint32_t, const std::uint32_t*,              \
                               std::uint32_t, const T*, T*);                                                \
  template void scatter_rows<T>(cudaStream_t, const Rows&, std::uint32_t, const std::uint32_t*,             \
                                std::uint32_t, const std::uint32_t*, const T*, T*);

ZOFO_INSTANTIATE_ROWS(bf16)
ZOFO_INSTANTIATE_ROWS(float)
#undef ZOFO_INSTANTIATE_ROWS

}  // namespace zofo::tensor::cuda
