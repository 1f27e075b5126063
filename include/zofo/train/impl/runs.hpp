/// @file All templates of whole runs. A program with its own device includes this header; zofo::llm and
/// zofo::cuda hold the instances of CpuDevice and CudaDevice.
#pragma once

#include "zofo/train/impl/adapt_tasks.hpp"
#include "zofo/train/impl/adapter_set.hpp"
#include "zofo/train/impl/evaluate_model.hpp"
#include "zofo/train/impl/generate_sequences.hpp"
#include "zofo/train/impl/predict.hpp"
#include "zofo/train/impl/run_model.hpp"
#include "zofo/train/impl/train_run.hpp"
#include "zofo/train/impl/verify_run.hpp"
#include "zofo/train/run_instances.hpp"
