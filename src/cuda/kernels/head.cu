/// @file The head's kernels compiled for the scalars that the backend uses.
#include "cuda/kernels/head.cuh"

namespace zofo::tensor::cuda {

void begin_sums(cudaStream_t stream, RunningSum* sums, std::size_t rows) {
  detail::launch_begin_sums(stream, sums, rows);
}

void add_slice(cudaStream_t stream, const LogitSlice& slice, const Targets& targets, RunningSum* sums,
               float* picked) {
  detail::launch_add_slice(stream, slice, targets, sums, picked);
}

void finish_log_probabilities(cudaStream_t stream, const RunningSum* sums, std::uint32_t rows,
                              std::uint32_t probes, const Targets& targets, const float* picked,
                              double* log_p) {
  detail::launch_finish(stream, sums, rows, probes, targets, picked, log_p);
}

template void logit_gradient<bf16>(cudaStream_t, const LogitSlice&, const RunningSum*, const Targets&,
                                   const double*, bf16*);
template void logit_gradient<float>(cudaStream_t, const LogitSlice&, const RunningSum*, const Targets&,
                                    const double*, float*);

}  // namespace zofo::tensor::cuda
