/// @file A backbone with any number of adapters on a device, and the templates of train/adapter_set.hpp.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zofo/data/request_lines.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/lm/score_requests.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/adapter_set.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::llm {

namespace detail {

/// Appends an adapter and its name. Throws Error where the name exists already.
void add_adapter(const std::string& name, peft::PeftAdapter adapter, std::vector<std::string>& names,
                 std::vector<peft::PeftAdapter>& adapters);

/// One layout for each kind of adapter. LoRA adapters are widened to a common layout; prefixes and prompts
/// must have the same number of virtual tokens: else throws Error.
peft::Adapters unite_layouts(const model::Config& config, std::span<const std::string> names,
                             std::span<peft::PeftAdapter> adapters);

}  // namespace detail

/// θ and adapters by name. An adapter with an empty name is that of a fine-tuning; it answers requests that
/// name none. Borrows the device.
template <class Device>
class AdapterSet {
  // Declared before `theta`, whose initialiser reads the run's adapters.
  std::vector<peft::PeftAdapter> read_;

 public:
  using Backend = typename Device::Backend;  ///< of the device
  using Vector = typename Backend::Vector;   ///< an adapter

  /// `run` is the folder of a fine-tuning, or of a meta-training, whose adapters have their tasks' names;
  /// empty: the model itself. Throws Error where an adapter does not fit the model or the others, or two have
  /// the same name.
  AdapterSet(Device& device, Model loaded, const std::filesystem::path& run,
             std::span<const NamedFolder> given)
      : model(std::move(loaded)), theta(place(device, run, given)) {
    const peft::Adapters layouts = detail::unite_layouts(model.parameters.config(), selected.names, read_);
    for (peft::PeftAdapter& each : read_) {
      const peft::Kind kind = peft::kind(each.layout);
      vectors_.push_back(device.vector(std::move(each.values)));
      selected.adapters.push_back({nullptr, kind, layouts.virtual_tokens(kind)});
    }
    for (std::size_t i = 0; i < vectors_.size(); ++i) selected.adapters[i].values = &vectors_[i];
    read_.clear();
    transformer.emplace(device.backend(), model.parameters.config(), layouts);
  }
  AdapterSet(const AdapterSet&) = delete;
  AdapterSet& operator=(const AdapterSet&) = delete;

  Model model;                                                  ///< weights and tokenizer
  SelectedAdapters<Vector> selected;                            ///< the adapters on the device
  typename Backend::Theta& theta;                               ///< the backbone on the device
  std::optional<model::BasicTransformer<Backend>> transformer;  ///< set by the constructor

 private:
  typename Backend::Theta& place(Device& device, const std::filesystem::path& run,
                                 std::span<const NamedFolder> given) {
    // An adapter for all requests may change θ; the others share it.
    if (run.empty() && given.size() == 1 && given[0].name.empty()) {
      if (auto rest = take_adapter(model.parameters, {{}, given[0].folder})) add_fallback(std::move(*rest));
      return device.place(model.parameters);
    }
    typename Backend::Theta& placed = run.empty() ? device.place(model.parameters) : place_run(device, run);
    for (const NamedFolder& each : given) {
      peft::PeftAdapter adapter = peft::read_peft(each.folder, model.parameters.config());
      if (each.name.empty())
        add_fallback(std::move(adapter));
      else
        add(each.name, std::move(adapter));
    }
    return placed;
  }
  // θ with what the run made of it; adds the run's adapters.
  typename Backend::Theta& place_run(Device& device, const std::filesystem::path& run) {
    if (!std::filesystem::exists(run / RunDescription::file)) {
      typename Backend::Theta& placed = device.place(model.parameters);
      SelectedModel restored = restore(run, placed);
      if (restored.adapter) add_fallback(std::move(*restored.adapter));
      return placed;
    }
    const RunDescription described = read_description(run);
    described.check_backbone(run, model.parameters);
    for (const std::string& name : described.adapter_names())
      add(name, peft::read_peft(run / RunDescription::adapter_folder(name), model.parameters.config()));
    merge_run(run, described, model.parameters);
    typename Backend::Theta& placed = device.place(model.parameters);
    replay_run(described, read_trajectory(run / "trajectory.jsonl"), placed);
    return placed;
  }
  // Adds an adapter of requests that name none.
  void add_fallback(peft::PeftAdapter adapter) {
    add("", std::move(adapter));
    selected.fallback = static_cast<int>(read_.size()) - 1;
  }
  void add(const std::string& name, peft::PeftAdapter adapter) {
    detail::add_adapter(name, std::move(adapter), selected.names, read_);
  }

  std::vector<Vector> vectors_;
};

/// Scores the answer choices of requests. Requests of any adapters share a pass.
template <class Device>
std::vector<std::vector<double>> score(AdapterSet<Device>& set, std::span<const Request> requests) {
  return score_requests(*set.transformer, set.theta, set.selected, requests);
}

/// Answers lines as score_lines(device, …) does, with a set that exists.
template <class Device>
std::size_t score_lines(AdapterSet<Device>& set, parse::LineSource& lines, std::size_t max_prompt_tokens,
                        const std::function<void(const std::string&)>& write,
                        const std::function<void()>& flush) {
  data::JsonRows rows(lines);
  return data::answer_requests(
      rows,
      [](const nlohmann::json& fields) {
        return data::other_fields(fields, {"prompt", "options", "adapter"});
      },
      [&](const data::JsonLine& line) {
        return parse_request(set.model, line, set.selected, max_prompt_tokens);
      },
      [](const std::vector<Request>& requests) {
        std::size_t tokens = 0;
        for (const Request& each : requests) tokens += packed_tokens(each.example);
        return tokens >= Device::Backend::max_batch_tokens;
      },
      [&](const std::vector<Request>& requests) {
        return answer_requests(*set.transformer, set.theta, set.selected, requests);
      },
      write, flush);
}

template <class Device>
std::size_t score_lines(Device& device, Model model, const std::filesystem::path& run,
                        std::span<const NamedFolder> adapters, parse::LineSource& lines,
                        std::size_t max_prompt_tokens, const std::function<void(const std::string&)>& write,
                        const std::function<void()>& flush) {
  AdapterSet<Device> set(device, std::move(model), run, adapters);
  return score_lines(set, lines, max_prompt_tokens, write, flush);
}

}  // namespace zofo::llm
