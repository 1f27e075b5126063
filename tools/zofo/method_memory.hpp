// The memory that runs of each method need, computed in advance.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "device/device.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model/config.hpp"
#include "zofo/model_io/model_outline.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::cli {

// A method's options and memory in bytes.
struct MethodMemory {
  llm::RunOptions options;         // the preset, with the batch size that was asked for
  std::size_t cpu = 0;             // in fp32, loading of the model included
  std::optional<std::size_t> gpu;  // in bf16 unless the options have fp32; nothing if the method does not run
                                   // there, or the program was built without CUDA
};

// A task's examples as tokens, split as methods of one level and of both levels split them.
struct EncodedTask {
  std::vector<llm::RunTask> one_level, both_levels;

  [[nodiscard]] const std::vector<llm::RunTask>& for_options(const llm::RunOptions& o) const;
};

// Encodes a task for a model's tokenizer and context.
EncodedTask encode(const llm::ModelOutline& model, const data::TaskData& task, const llm::RunOptions& o);

// A task whose prompts all have `tokens` tokens, and whose two answers have one each.
EncodedTask assumed_task(std::size_t tokens);

// The memory of a run of `options`. A run on the CPU has `program_bytes` in addition: the program, the
// tokenizer, the examples.
MethodMemory memory_of(const llm::ModelShape& model, const llm::RunOptions& options, const EncodedTask& task,
                       std::size_t program_bytes);

// The same of the methods for one task, in the order of `zofo methods`: the presets with the batch size and
// the precision that were `asked` for.
std::vector<MethodMemory> memory_of_methods(const llm::ModelShape& model, const llm::RunOptions& asked,
                                            const EncodedTask& task, std::size_t program_bytes);

// The memory in bytes that a run on the device can use now; 0: unknown.
std::size_t usable_memory(Device device);

// The least memory of the weights on a GPU, in bf16.
std::size_t gpu_weights(const model::Config& config);

}  // namespace zofo::cli
