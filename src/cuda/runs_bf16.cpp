// Whole runs on a GPU in bf16, compiled once for programs, tests and benchmarks.
#include "zofo/train/cuda/instances.hpp"
#include "zofo/train/impl/runs.hpp"

namespace zofo::llm {

ZOFO_RUN_INSTANCES(, CudaDevice<tensor::cuda::bf16>)

}  // namespace zofo::llm
