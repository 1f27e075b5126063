/// @file Prompts' rows and dropout compiled for the scalars that the backend uses.
#include "cuda/kernels/adapters.cuh"

namespace zofo::tensor::cuda {

#define ZOFO_INSTANTIATE_ADAPTERS(T)                                                                      \
  template void write_prompts<T>(cudaStream_t, const Rows&, const PromptedSequences&, std::uint32_t,      \
                                 const float*, T*);                                                       \
  template void prompt_gradients<T>(cudaStream_t, const PromptedSequences&, std::uint32_t, std::uint32_t, \
                                    const T*, float*);                                                    \
  template void drop<T>(cudaStream_t, std::size_t, std::uint32_t, const DropoutArgument&, const T*, bool, T*);

ZOFO_INSTANTIATE_ADAPTERS(bf16)
ZOFO_INSTANTIATE_ADAPTERS(float)
#undef ZOFO_INSTANTIATE_ADAPTERS

}  // namespace zofo::tensor::cuda
