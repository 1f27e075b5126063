#include "advise.hpp"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "advise_text.hpp"
#include "advise_time.hpp"
#include "cli.hpp"
#include "measured.hpp"
#include "method_memory.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/model_io/model_outline.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/train/load_tasks.hpp"
#include "zofo/train/memory_bounds.hpp"
#include "zofo/train/peak_memory.hpp"

namespace zofo::cli {
namespace {

using nlohmann::json;

// Below this number of training examples the results of the study of meta-training are printed too.
constexpr std::size_t few_examples = 100;

// The examples of a task, as a pass reads them.
struct TaskShape {
  double mean_tokens = 0.0, mean_targets = 0.0;
  std::size_t longest = 0, training = 0;
};

TaskShape shape_of(const llm::RunTask& task) {
  TaskShape shape;
  const std::vector<llm::EncodedExample>& examples = task.examples.lower;
  for (const llm::EncodedExample& each : examples) {
    llm::ExampleBounds one;
    one.cover({&each, 1});
    shape.mean_tokens += static_cast<double>(one.tokens);
    // All choices of one token are read from one position.
    shape.mean_targets += each.options->single() ? 1.0 : static_cast<double>(one.targets);
    shape.longest = std::max(shape.longest, one.longest);
  }
  shape.training = examples.size();
  const double n = std::max(static_cast<double>(shape.training), 1.0);
  shape.mean_tokens /= n;
  shape.mean_targets /= n;
  return shape;
}

// "SST-2" and "tweet_emotion" as "sst2" and "tweetemotion".
std::string plain(std::string_view name) {
  std::string letters;
  for (const char c : name)
    if (c >= 'A' && c <= 'Z')
      letters += static_cast<char>(c - 'A' + 'a');
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      letters += c;
  return letters;
}

// The measured tasks that are nearest to a task, and why.
struct Nearest {
  std::vector<std::string> tasks;
  std::string why;
};

Nearest nearest_tasks(const Measured& measured, const data::Task& task) {
  std::set<std::string> same, alike;
  const std::size_t choices = task.choices.size();
  for (const MeasuredRun& run : measured.runs) {
    if (plain(run.task) == plain(task.name)) same.insert(run.task);
    if (task.kind == data::Kind::choice && (run.choices == 2) == (choices == 2)) alike.insert(run.task);
  }
  if (!same.empty()) return {{same.begin(), same.end()}, "the same task by its name"};
  if (!alike.empty())
    return {{alike.begin(), alike.end()},
            fmt::format("tasks with {} answer choices, as this one; its texts and labels are others",
                        choices == 2 ? "two" : "more than two")};
  return {{},
          task.kind == data::Kind::generate ? "no run on a task with generated answers was measured"
                                            : "no run on a task whose answer choices differ between examples "
                                              "was measured"};
}

json to_json(const Source& s) {
  return {{"page", s.page}, {"machine", s.machine}, {"precision", s.precision},
          {"date", s.date}, {"commit", s.commit},   {"repeat", s.repeat}};
}

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json to_json(const std::optional<StepTime>& time) {
  if (!time) return nullptr;
  return {{"seconds", time->seconds},
          {"scaled_from", time->from},
          {"from_parts", time->from_parts},
          {"source", time->source->name}};
}

json results_of(const Measured& measured, std::string_view method, const std::vector<std::string>& tasks) {
  json list = json::array();
  for (const MeasuredRun& run : measured.runs) {
    if (run.method != method || std::ranges::find(tasks, run.task) == tasks.end()) continue;
    list.push_back({{"task", run.task},
                    {"accuracy", run.accuracy},
                    {"error", or_null(run.error)},
                    {"loss", or_null(run.loss)},
                    {"steps", or_null(run.steps)},
                    {"peak_mib", or_null(run.peak_mib)},
                    {"source", run.source->name}});
  }
  return list;
}

json gains_of(const Measured& measured) {
  json list = json::array();
  for (const MeasuredGain& gain : measured.new_tasks)
    list.push_back({{"method", gain.method},
                    {"start", gain.start},
                    {"gain_at_5_examples", gain.at_5},
                    {"gain_at_16_a_class", gain.at_16_a_class},
                    {"source", gain.source->name}});
  return list;
}

}  // namespace

int advise(const AdviseArguments& arguments) {
  constexpr double most_gib = 1 << 20;  // more than any machine has
  require(arguments.memory_gib >= 0.0 && arguments.memory_gib <= most_gib,
          "--memory {}: must be in [0, {}] GiB", arguments.memory_gib, most_gib);
  const Measured measured = read_measured();
  const Device device = arguments.device.choose();
  llm::RunOptions options = llm::preset(llm::Method::lora);
  options.batch_size = arguments.batch_size;
  options.max_prompt_tokens = arguments.max_prompt_tokens;
  if (device == Device::cuda_fp32) options.precision = llm::Precision::fp32;
  options.max_steps = 1;
  options.check();
  const llm::ModelOutline model = llm::read_outline(arguments.paths.model);
  const std::vector<data::TaskData> tasks = llm::load_tasks(arguments.paths, options);
  const data::TaskData& task = tasks.front();
  const EncodedTask encoded = encode(model, task, options);
  const TaskShape shape = shape_of(encoded.one_level.front());
  const double batch = arguments.batch_size;
  const BatchWork work{batch * shape.mean_tokens, batch * shape.mean_targets};
  // What this process holds now: the program, the tokenizer and the examples, but no weights.
  const auto program = static_cast<std::size_t>(llm::peak_mib() * 1024.0 * 1024.0);
  const Nearest nearest = nearest_tasks(measured, task.task);
  const double gib = static_cast<double>(std::size_t{1} << 30U);
  const std::size_t usable = arguments.memory_gib > 0.0 ? static_cast<std::size_t>(arguments.memory_gib * gib)
                                                        : usable_memory(device);

  json report;
  report["model"] = {{"path", arguments.paths.model},
                     {"weights", model::Layout(model.config).size()},
                     {"context", model.config.context}};
  report["task"] = {{"name", task.task.name},
                    {"choices", task.task.choices.size()},
                    {"training_examples", shape.training},
                    {"mean_tokens", shape.mean_tokens},
                    {"longest_tokens", shape.longest},
                    {"batch_size", arguments.batch_size}};
  report["device"] = {{"name", llm::to_text(kind_of(device))},
                      {"precision", device == Device::cuda_fp32 ? "fp32" : "bf16"},
                      {"usable", usable},
                      {"given", arguments.memory_gib > 0.0}};
  report["gpu_weights"] = gpu_weights(model.config);
  report["nearest"] = {{"tasks", nearest.tasks}, {"why", nearest.why}};
  report["few_examples"] = shape.training < few_examples;
  report["new_tasks"] = gains_of(measured);
  report["methods"] = json::array();
  for (const MethodMemory& method : memory_of_methods(model, options, encoded, program)) {
    const llm::RunOptions& o = method.options;
    const std::string name(llm::to_text(o.method));
    report["methods"].push_back({{"method", name},
                                 {"cpu_memory", method.cpu},
                                 {"gpu_memory", or_null(method.gpu)},
                                 {"cpu_step", to_json(step_time(measured, "cpu", o, model.config, work))},
                                 {"gpu_step", to_json(step_time(measured, "gpu", o, model.config, work))},
                                 {"results", results_of(measured, name, nearest.tasks)}});
  }
  // The smallest run of LoRA, for a model that does not fit otherwise.
  llm::RunOptions small = options;
  small.batch_size = 1;
  small.gradient_checkpointing = true;
  const MethodMemory least = memory_of(model, small, encoded, program);
  report["smallest_lora"] = {{"cpu_memory", least.cpu}, {"gpu_memory", or_null(least.gpu)}};
  for (const auto& [name, source] : measured.sources) {
    report["sources"][name] = to_json(source);
    if (source.products_gflops) report["sources"][name]["products_gflops"] = *source.products_gflops;
    if (source.seconds > 0.0) report["sources"][name]["seconds"] = source.seconds;
    if (!source.model.empty()) report["sources"][name]["model"] = source.model;
  }
  report["recommendation"] = recommendation(report);
  write_text(arguments.json ? parse::json_text(report, 2) + "\n" : advice_text(report));
  return 0;
}

}  // namespace zofo::cli
