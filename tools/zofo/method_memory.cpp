#include "method_memory.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "zofo/config/method_presets.hpp"
#include "zofo/core/error.hpp"
#include "zofo/machine/host.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/train/run_bounds.hpp"
#ifdef ZOFO_WITH_CUDA
#include "zofo/train/cuda/device.hpp"
#endif

namespace zofo::cli {
namespace {

std::size_t weights(const model::Config& config) {
  return static_cast<std::size_t>(model::Layout(config).size());
}

#ifdef ZOFO_WITH_CUDA
std::optional<std::size_t> on_gpu(const llm::ModelShape& model, llm::RunOptions o, const EncodedTask& task) {
  o.device = llm::DeviceKind::cuda;
  if (o.precision == llm::Precision::automatic) o.precision = llm::Precision::bf16;
  o.max_steps = 1;
  try {
    o.check();  // refuses what a GPU does not support
  } catch (const Error&) {
    return {};
  }
  const std::vector<llm::RunTask>& tasks = task.for_options(o);
  return o.precision == llm::Precision::fp32
             ? llm::cuda_run_plan<float>(model.config, o, tasks).total()
             : llm::cuda_run_plan<tensor::cuda::bf16>(model.config, o, tasks).total();
}
#else
std::optional<std::size_t> on_gpu(const llm::ModelShape& /*model*/, const llm::RunOptions& /*o*/,
                                  const EncodedTask& /*task*/) {
  return {};
}
#endif

}  // namespace

const std::vector<llm::RunTask>& EncodedTask::for_options(const llm::RunOptions& o) const {
  return o.trains() == llm::Trains::both_levels ? both_levels : one_level;
}

EncodedTask encode(const llm::ModelOutline& model, const data::TaskData& task, const llm::RunOptions& o) {
  const llm::Model encoder = model.encoder();
  const auto as = [&](llm::Method method) {
    llm::RunOptions options = o;
    options.method = method;
    options.adapter = llm::info(method).adapter;
    std::vector<llm::RunTask> list;
    list.push_back(llm::encode_task(encoder, task, options));
    return list;
  };
  return {as(llm::Method::lora), as(llm::Method::bilevel)};
}

EncodedTask assumed_task(std::size_t tokens) {
  llm::EncodedExample example;
  example.prompt.assign(tokens, 0);
  example.options = std::make_shared<const llm::OptionTokens>(llm::OptionTokens{.options = {{0}, {1}}});
  const std::vector<llm::EncodedExample> many(1000, example);
  llm::RunTask task;
  constexpr const char* definition = "prompt = '{text}'\noptions = [' a', ' b']\nlabel_field = 'label'\n";
  task.data = std::make_shared<const data::TaskData>(
      data::TaskData{data::Task::parse(definition, "assumed/task.toml"), {}, {}});
  task.examples.lower = task.examples.upper = task.held_out = many;
  return {{task}, {task}};
}

MethodMemory memory_of(const llm::ModelShape& model, const llm::RunOptions& options, const EncodedTask& task,
                       std::size_t program_bytes) {
  MethodMemory memory;
  memory.options = options;
  const std::size_t run = llm::cpu_run_plan(model.config, options, task.for_options(options)).total();
  // While the weights are read, the pages of their file are in memory too.
  const std::size_t loading =
      weights(model.config) * sizeof(float) + static_cast<std::size_t>(model.file_bytes);
  memory.cpu = program_bytes + std::max(run, loading);
  memory.gpu = on_gpu(model, options, task);
  return memory;
}

std::vector<MethodMemory> memory_of_methods(const llm::ModelShape& model, const llm::RunOptions& asked,
                                            const EncodedTask& task, std::size_t program_bytes) {
  std::vector<MethodMemory> list;
  for (const llm::MethodInfo& method : llm::methods) {
    if (method.traits.joint || method.traits.random_sign) continue;  // as lora, mezo and bilevel on one task
    llm::RunOptions options = llm::preset(method.method);
    options.batch_size = asked.batch_size;
    options.precision = asked.precision;
    list.push_back(memory_of(model, options, task, program_bytes));
  }
  return list;
}

std::size_t usable_memory(Device device) {
#ifdef ZOFO_WITH_CUDA
  if (device != Device::cpu) return tensor::cuda::Context::free_memory();
#endif
  (void)device;
  return static_cast<std::size_t>(machine::host_memory().usable());
}

std::size_t gpu_weights(const model::Config& config) { return weights(config) * 2; }

}  // namespace zofo::cli
