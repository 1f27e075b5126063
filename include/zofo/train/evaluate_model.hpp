/// @file Scores of a model, or of what a run made of it, on a task's held-out rows.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "zofo/data/task.hpp"
#include "zofo/lm/calibrate.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/evaluate_task.hpp"
#include "zofo/train/memory_bounds.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::llm {

/// How rows are scored.
struct EvaluateOptions {
  std::size_t rows = 0;    ///< the first of the held-out rows, 0: all
  bool calibrate = false;  ///< subtract what each option scores after a prompt without the row
};

/// Throws Error where a task has no answer choices to calibrate.
inline void require_calibratable(const data::Task& task, const EvaluateOptions& options) {
  require(!options.calibrate || task.kind != data::Kind::generate,
          "--calibrate: task {} has nothing to choose from: the model writes", task.name);
}

namespace detail {

/// The rows of a task.
struct TaskExampleList {
  const data::Task* task;
  ExampleEncoder encoder;
  std::vector<EncodedExample> rows;
};

/// Throws Error, before anything is computed, where the device has no memory for what the rows need.
template <class Device>
void reserve_memory(RunModel<Device>& of, const TaskExampleList& task) {
  const model::Config& config = of.transformer->config();
  const peft::Adapters& layouts = of.transformer->adapters();
  const bool read = of.taken() > 0 && layouts.first() == peft::Kind::prompt;
  ExampleBounds extent;
  extent.cover(task.rows);
  PassExamples passes;
  passes.texts = generation_bounds<typename Device::Backend>(config, of.taken(), task.rows, *task.task);
  of.device.reserve(config, layouts.layout(layouts.first()), extent.after(of.taken(), read), passes, false);
}

}  // namespace detail

/// Scores the held-out rows of each task; demonstrations that the data holds come before every prompt. A task
/// under several templates is a list of tasks. Throws Error naming file and line of a row that does not fit
/// the model, or where the device has not enough memory.
template <class Device>
std::vector<Scores> evaluate(RunModel<Device>& of, std::span<const data::TaskData> tasks,
                             const EvaluateOptions& options = {}) {
  constexpr const char* file = "validation.jsonl";
  std::vector<detail::TaskExampleList> all;
  for (const data::TaskData& data : tasks) {
    require_calibratable(data.task, options);
    const ExampleEncoder encoder(of.model, data.task, Purpose::scoring, data.demonstrations, of.taken());
    all.push_back({&data.task, encoder, encode_examples(encoder, data.validation, options.rows, file)});
  }
  for (const detail::TaskExampleList& each : all) detail::reserve_memory(of, each);
  if (options.calibrate)
    for (detail::TaskExampleList& each : all)
      calibrate(*of.transformer, of.theta, of.adapter_or_null(), each.encoder, each.rows, file);
  std::vector<Scores> scores;
  for (const detail::TaskExampleList& each : all)
    scores.push_back(evaluate_task(of.model, *of.transformer, of.theta, of.adapter_or_null(),
                                   std::span(each.rows), *each.task));
  return scores;
}
/// The same for one task.
template <class Device>
Scores evaluate(RunModel<Device>& of, const data::TaskData& task, const EvaluateOptions& options = {}) {
  return evaluate(of, std::span(&task, 1), options).front();
}

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_EVALUATE_INSTANCES(PREFIX, DEVICE)                                                     \
  PREFIX template std::vector<Scores> evaluate(RunModel<DEVICE>&, std::span<const data::TaskData>,  \
                                               const EvaluateOptions&);                             \
  PREFIX template Scores evaluate(RunModel<DEVICE>&, const data::TaskData&, const EvaluateOptions&);

// zofo::llm holds those of the CPU.
ZOFO_EVALUATE_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
