/// @file All templates of whole runs. A program with its own device includes this header; zofo::llm and
/// zofo::cuda hold the instances of CpuDevice and CudaDevice.
#pragma once

#include "zofo/train/impl/adapt_tasks.hpp"
#include "zofo/train/impl/adapter_set.hpp"
#include "zofo/train/impl/evaluate_model.hpp"
#include "zofo/train/impl/generate_sequences.hpp"
#include "zofo/train/impl/run_model.hpp"
#include "zofo/train/impl/train_run.hpp"
#include "zofo/train/impl/verify_run.hpp"

namespace zofo::llm {

/// All instances for one device; PREFIX is extern or nothing.
#define ZOFO_RUN_INSTANCES(PREFIX, DEVICE) \
  ZOFO_TRAIN_RUN_INSTANCES(PREFIX, DEVICE) \
  ZOFO_ADAPT_INSTANCES(PREFIX, DEVICE)     \
  ZOFO_EVALUATE_INSTANCES(PREFIX, DEVICE)  \
  ZOFO_GENERATE_INSTANCES(PREFIX, DEVICE)  \
  ZOFO_SCORE_INSTANCES(PREFIX, DEVICE)     \
  ZOFO_VERIFY_INSTANCES(PREFIX, DEVICE)    \
  ZOFO_RUN_MODEL_INSTANCES(PREFIX, DEVICE)

}  // namespace zofo::llm
