/// @file The list of whole runs that a library holds compiled for a device.
#pragma once

#include "zofo/train/adapt_tasks.hpp"
#include "zofo/train/adapter_set.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/predict.hpp"
#include "zofo/train/run_model.hpp"
#include "zofo/train/train_run.hpp"
#include "zofo/train/verify_run.hpp"

/// All instances for one device, in namespace zofo::llm; PREFIX is extern or nothing. A definition (nothing)
/// needs train/impl/runs.hpp.
#define ZOFO_RUN_INSTANCES(PREFIX, DEVICE) \
  ZOFO_TRAIN_RUN_INSTANCES(PREFIX, DEVICE) \
  ZOFO_ADAPT_INSTANCES(PREFIX, DEVICE)     \
  ZOFO_EVALUATE_INSTANCES(PREFIX, DEVICE)  \
  ZOFO_GENERATE_INSTANCES(PREFIX, DEVICE)  \
  ZOFO_PREDICT_INSTANCES(PREFIX, DEVICE)   \
  ZOFO_SCORE_INSTANCES(PREFIX, DEVICE)     \
  ZOFO_VERIFY_INSTANCES(PREFIX, DEVICE)    \
  ZOFO_RUN_MODEL_INSTANCES(PREFIX, DEVICE)
