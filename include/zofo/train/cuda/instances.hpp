/// @file Whole runs on a GPU, which zofo::cuda holds compiled: a program that includes this header compiles
/// none of them itself.
#pragma once

#include "zofo/tensor/cuda/types.hpp"
#include "zofo/train/cuda/device.hpp"
#include "zofo/train/run_instances.hpp"

namespace zofo::llm {

ZOFO_RUN_INSTANCES(extern, CudaDevice<tensor::cuda::bf16>)
ZOFO_RUN_INSTANCES(extern, CudaDevice<float>)

}  // namespace zofo::llm
