/// @file Templates of train/evaluate_model.hpp, for a program with its own device.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "zofo/lm/calibrate.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/evaluate_task.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/impl/run_model.hpp"
#include "zofo/train/memory_bounds.hpp"

namespace zofo::llm {

namespace detail {

/// The validation examples of a task.
struct TaskExampleList {
  const data::Task* task;
  std::string file;
  ExampleEncoder encoder;
  std::vector<EncodedExample> examples;
};

/// Throws Error, before anything is computed, where the device has no memory for the examples' passes.
template <class Device>
void reserve_memory(typename RunModel<Device>::State& of, const TaskExampleList& task) {
  const model::Config& config = of.transformer->config();
  const peft::Adapters& layouts = of.transformer->adapters();
  const bool read = of.reserved() > 0 && layouts.first() == peft::Kind::prompt;
  ExampleBounds bounds;
  bounds.cover(task.examples);
  PassExamples passes;
  passes.generation =
      generation_bounds<typename Device::Backend>(config, of.reserved(), task.examples, *task.task);
  of.device.reserve(config, layouts.layout(layouts.first()), bounds.after(of.reserved(), read), passes,
                    false);
}

}  // namespace detail

template <class Device>
std::vector<Scores> evaluate(RunModel<Device>& model, std::span<const data::TaskData> tasks,
                             const EvaluateOptions& options) {
  auto& of = model.state();
  std::vector<detail::TaskExampleList> all;
  for (const data::TaskData& data : tasks) {
    require_calibratable(data.task, options);
    const ExampleEncoder encoder(of.model, data.task, Purpose::scoring, data.demonstrations, of.reserved());
    all.push_back({&data.task, data.held_out, encoder,
                   encode_examples(encoder, data.validation, options.max_eval_samples, data.held_out)});
  }
  for (const detail::TaskExampleList& each : all) detail::reserve_memory<Device>(of, each);
  if (options.calibrate)
    for (detail::TaskExampleList& each : all)
      calibrate(*of.transformer, of.theta, of.adapter_or_null(), each.encoder, each.examples, each.file);
  std::vector<Scores> scores;
  for (const detail::TaskExampleList& each : all)
    scores.push_back(evaluate_task(of.model, *of.transformer, of.theta, of.adapter_or_null(),
                                   std::span(each.examples), *each.task));
  return scores;
}

template <class Device>
Scores evaluate(RunModel<Device>& model, const data::TaskData& task, const EvaluateOptions& options) {
  return evaluate(model, std::span(&task, 1), options).front();
}

}  // namespace zofo::llm
