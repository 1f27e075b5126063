/// @file Scores of a model, or of the result of a run, on a task's validation examples.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "zofo/data/task.hpp"
#include "zofo/lm/scores.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::llm {

/// How validation examples are scored.
struct EvaluateOptions {
  std::size_t max_eval_samples = 0;  ///< the first of the validation examples; 0: all
  bool calibrate = false;  ///< subtract the scores of the choices after a neutral prompt (lm/calibrate.hpp)
};

/// Throws Error where calibration is requested for a task without answer choices.
void require_calibratable(const data::Task& task, const EvaluateOptions& options);

/// Scores of the validation examples of each task; the data's demonstrations are put before every prompt. A
/// task under several templates is a list of tasks. Throws Error naming file and line of an example that does
/// not fit the model, or where the device has not enough memory. A program with its own Device includes
/// train/impl/evaluate_model.hpp.
template <class Device>
std::vector<Scores> evaluate(RunModel<Device>& of, std::span<const data::TaskData> tasks,
                             const EvaluateOptions& options = {});
/// The same for one task.
template <class Device>
Scores evaluate(RunModel<Device>& of, const data::TaskData& task, const EvaluateOptions& options = {});

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_EVALUATE_INSTANCES(PREFIX, DEVICE)                                                    \
  PREFIX template std::vector<Scores> evaluate(RunModel<DEVICE>&, std::span<const data::TaskData>, \
                                               const EvaluateOptions&);                            \
  PREFIX template Scores evaluate(RunModel<DEVICE>&, const data::TaskData&, const EvaluateOptions&);

// zofo::llm holds those of the CPU.
ZOFO_EVALUATE_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
