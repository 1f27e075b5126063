#include "zofo/train/run_bounds.hpp"

#include "zofo/config/make_adapter.hpp"
#include "zofo/model/cpu_plan.hpp"

namespace zofo::llm {

namespace {

// Vectors of the backbone's size that a run keeps in addition to it: an optimiser's moments, the anchor of a
// variance reduction.
std::size_t extra_backbones(const RunOptions& o) {
  if (!o.updates_backbone()) return 0;
  std::size_t count = o.variance_reduction == ReductionKind::none ? 0 : 1;
  if (o.outer_optimizer == OuterKind::momentum) count += 1;
  if (o.outer_optimizer == OuterKind::adam) count += 2;
  return count;
}

}  // namespace

tensor::MemoryPlan cpu_run_plan(const model::Config& config, const RunOptions& o,
                                const std::vector<RunTask>& tasks) {
  const peft::Adapter layout = make_adapter(config, o);
  const RunBounds bounds = run_bounds<model::CpuBackend>(config, o, tasks, layout);
  model::CpuPlan plan(config, layout);
  add_passes(plan, bounds.example, bounds.passes, o.gradient_checkpointing,
             model::CpuBackend::max_batch_tokens);
  plan.backbones(extra_backbones(o));
  return plan.plan();
}

}  // namespace zofo::llm
