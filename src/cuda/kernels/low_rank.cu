/// @file The low-rank products compiled for the scalars that the backend uses.
#include "cuda/kernels/low_rank.cuh"

namespace zofo::tensor::cuda {

std::size_t low_rank_gradients_workspace(const Rows& rows, const LowRankProjections& projections,
                                         std::uint32_t adapters) {
  return gradients_workspace(rows, projections, adapters);
}

#define ZOFO_INSTANTIATE_LOW_RANK(T)                                                                        \
  template void low_rank_in<T>(cudaStream_t, const Rows&, const LowRankProjections&, const std::int32_t*,   \
                               const T*, float*);                                                           \
  template void low_rank_out<T>(cudaStream_t, const Rows&, const LowRankProjections&, const std::int32_t*,  \
                                const float*, T*, std::uint32_t);                                           \
  template void low_rank_back<T>(cudaStream_t, const Rows&, const LowRankProjections&, const std::int32_t*, \
                                 const T*, std::uint32_t, float*);                                          \
  template void low_rank_back_in<T>(cudaStream_t, const Rows&, const LowRankProjections&,                   \
                                    const std::int32_t*, const float*, T*);                                 \
  template void low_rank_gradients<T>(cudaStream_t, const LowRankGradients<T>&);

ZOFO_INSTANTIATE_LOW_RANK(bf16)
ZOFO_INSTANTIATE_LOW_RANK(float)
#undef ZOFO_INSTANTIATE_LOW_RANK

}  // namespace zofo::tensor::cuda
