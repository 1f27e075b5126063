/// @file Servers on a GPU, which zofo::cuda holds compiled.
#pragma once

#include "zofo/serve/engine.hpp"
#include "zofo/tensor/cuda/types.hpp"
#include "zofo/train/cuda/device.hpp"

namespace zofo::serve {

ZOFO_SERVE_INSTANCES(extern, llm::CudaDevice<tensor::cuda::bf16>)
ZOFO_SERVE_INSTANCES(extern, llm::CudaDevice<float>)

}  // namespace zofo::serve
