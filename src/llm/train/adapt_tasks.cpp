#include "zofo/train/adapt_tasks.hpp"

#include "zofo/train/impl/adapt_tasks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/core/error.hpp"
#include "zofo/peft/peft_adapter.hpp"

namespace zofo::llm {

void AdaptRequest::check(std::size_t tasks) const {
  options.check();
  require(!counts.empty(), "{0}shots or {0}examples: one must be given", dashes);
  for (const std::string& start : starts)
    require(start == "zero" || !run.empty(), "{0}start {1}: {0}run must name a meta-trained run", dashes,
            start);
  if (out.empty()) return;
  require(!in_context, "{}out: in-context learning trains no adapter to write", dashes);
  require(tasks == 1 && counts.size() == 1 && starts.size() == 1 && options.num_seeds == 1,
          "{}out: takes the adapter of one task, number of examples, start and seed; several are named",
          dashes);
  std::error_code ignored;
  require(!std::filesystem::exists(out, ignored), "{}: already exists: name a new folder", out.string());
}

namespace detail {
namespace {

AdapterStart read_start(const std::string& name, const AdaptRequest& request,
                        const std::optional<RunDescription>& described, const model::Config& config) {
  if (name == "zero")
    return {name, make_lora(config, request.lora_rank, request.lora_alpha, request.lora_target_modules), {}};
  if (name == "mean") {
    peft::PeftAdapter mean = mean_adapter(request.run, *described, config);
    return {name, std::move(mean.layout), std::move(mean.values)};
  }
  const std::vector<std::string> names = described->adapter_names();
  require(std::ranges::find(names, name) != names.end(),
          "{}start {}: must be zero, mean or the name of an adapter of {} ({})", request.dashes, name,
          request.run.string(), names.empty() ? "it has none" : fmt::format("{}", fmt::join(names, ", ")));
  peft::PeftAdapter read = peft::read_peft(request.run / RunDescription::adapter_folder(name), config);
  return {name, std::move(read.layout), std::move(read.values)};
}

}  // namespace

std::vector<AdapterStart> read_starts(const AdaptRequest& request,
                                      const std::optional<RunDescription>& described,
                                      const model::Config& config) {
  std::vector<AdapterStart> list;
  for (const std::string& name : request.starts) {
    list.push_back(read_start(name, request, described, config));
    require(
        same_layout(list.back().layout, list.front().layout),
        "{0}start {1}: its rank, scale or projections are not those of {0}start {2} (the LoRA options are "
        "those of zero)",
        request.dashes, list.back().name, list.front().name);
  }
  return list;
}

void write_adapted(const AdaptRequest& request, const model::Config& config, const peft::Adapter& layout,
                   const Eigen::VectorXf& values, bool backbone_updated) {
  checkpoint::AtomicFolder folder(request.out);
  peft::write_peft(folder.part(), config, layout,
                   std::span(values.data(), static_cast<std::size_t>(values.size())),
                   backbone_updated ? request.run.string() : request.base_model);
  folder.commit();
}

std::optional<RunDescription> check_adaptation(const AdaptRequest& request,
                                               std::span<const data::TaskData> tasks) {
  request.check(tasks.size());
  std::optional<RunDescription> described;
  if (!request.run.empty()) described = read_description(request.run);
  for (const data::TaskData& task : tasks) {
    for (const data::TaskData& other : tasks)
      require(&other == &task || other.task.name != task.task.name, "tasks: '{}' is named twice",
              task.task.name);
    for (const Count count : request.counts)
      static_cast<void>(sample_examples(task, count, request.options.seed));
    if (described) described->check_words(request.run, task.task.name, task.task.choices);
  }
  return described;
}

}  // namespace detail

}  // namespace zofo::llm
