// Servers on a GPU, compiled once for programs.
#include "zofo/serve/cuda/instances.hpp"
#include "zofo/serve/impl/engine.hpp"
#include "zofo/train/cuda/instances.hpp"

namespace zofo::serve {

ZOFO_SERVE_INSTANCES(, llm::CudaDevice<tensor::cuda::bf16>)
ZOFO_SERVE_INSTANCES(, llm::CudaDevice<float>)

}  // namespace zofo::serve
