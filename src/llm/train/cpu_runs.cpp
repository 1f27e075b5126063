// Whole runs on the CPU, compiled once for programs, tests and benchmarks.
#include "zofo/train/adapt_tasks.hpp"
#include "zofo/train/adapter_set.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/run_model.hpp"
#include "zofo/train/train_run.hpp"
#include "zofo/train/verify_run.hpp"

namespace zofo::llm {

ZOFO_TRAIN_RUN_INSTANCES(, CpuDevice)
ZOFO_ADAPT_INSTANCES(, CpuDevice)
ZOFO_EVALUATE_INSTANCES(, CpuDevice)
ZOFO_GENERATE_INSTANCES(, CpuDevice)
ZOFO_SCORE_INSTANCES(, CpuDevice)
ZOFO_VERIFY_INSTANCES(, CpuDevice)
template RunModel<CpuDevice>::RunModel(CpuDevice&, Model, const std::filesystem::path&);

}  // namespace zofo::llm
