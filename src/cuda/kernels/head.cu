/// @file The head's kernels compiled for the scalars that the backend uses.
#include "cuda/kernels/head.cuh"

namespace zofo::tensor::cuda {

void begin_sums(cudaStream_t stream, RunningSum* sums, std::size_t rows) {
  detail::launch_begin_sums(stream, sums, rows);
}

void add_slice(cudaStream_t stream, const float* logits, std::uint32_t stride, std::uint32_t first,
               std::uint32_t count, std::uint32_t rows, std::uint32_t probes, const TargetArgument* targets,
               std::uint32_t target_count, const std::uint32_t* used, RunningSum* sums, float* picked) {
  detail::launch_add_slice(stream, logits, stride, first, count, rows, probes, targets, target_count, used,
                           sums, picked);
}

void finish_log_probabilities(cudaStream_t stream, const RunningSum* sums, std::uint32_t rows,
                              std::uint32_t probes, const TargetArgument* targets, std::uint32_t target_count,
                              const std::uint32_t* used, const float* picked, double* log_p) {
  detail::launch_finish(stream, sums, rows, probes, targets, target_count, used, picked, log_p);
}

template void logit_gradient<bf16>(cudaStream_t, const float*, std::uint32_t, std::uint32_t, std::uint32_t,
                                   const RunningSum*, const TargetArgument*, std::uint32_t,
                                   const std::uint32_t*, const double*, bf16*);
template void logit_gradient<float>(cudaStream_t, const float*, std::uint32_t, std::uint32_t, std::uint32_t,
                                    const RunningSum*, const TargetArgument*, std::uint32_t,
                                    const std::uint32_t*, const double*, float*);

}  // namespace zofo::tensor::cuda
