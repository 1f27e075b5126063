/// @file Whole runs on a GPU, which zofo::cuda holds compiled: a program that includes this header compiles
/// none of them itself.
#pragma once

#include "zofo/tensor/cuda/types.hpp"
#include "zofo/train/adapt_tasks.hpp"
#include "zofo/train/adapter_set.hpp"
#include "zofo/train/cuda/device.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/run_model.hpp"
#include "zofo/train/train_run.hpp"
#include "zofo/train/verify_run.hpp"

namespace zofo::llm {

/// All instances for one device; PREFIX is extern or nothing.
#define ZOFO_CUDA_RUN_INSTANCES(PREFIX, DEVICE) \
  ZOFO_TRAIN_RUN_INSTANCES(PREFIX, DEVICE)      \
  ZOFO_ADAPT_INSTANCES(PREFIX, DEVICE)          \
  ZOFO_EVALUATE_INSTANCES(PREFIX, DEVICE)       \
  ZOFO_GENERATE_INSTANCES(PREFIX, DEVICE)       \
  ZOFO_SCORE_INSTANCES(PREFIX, DEVICE)          \
  ZOFO_VERIFY_INSTANCES(PREFIX, DEVICE)         \
  ZOFO_RUN_MODEL_INSTANCES(PREFIX, DEVICE)

ZOFO_CUDA_RUN_INSTANCES(extern, CudaDevice<tensor::cuda::bf16>)
ZOFO_CUDA_RUN_INSTANCES(extern, CudaDevice<float>)

}  // namespace zofo::llm
