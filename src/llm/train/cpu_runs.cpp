// Whole runs on the CPU, compiled once for programs, tests and benchmarks.
#include "zofo/train/device.hpp"
#include "zofo/train/impl/runs.hpp"

namespace zofo::llm {

ZOFO_RUN_INSTANCES(, CpuDevice)

}  // namespace zofo::llm
