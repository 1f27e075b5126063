/// @file A backbone with any number of adapters over it, on a device.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/lm/language_model.hpp"
#include "zofo/lm/score_requests.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/parse/line_source.hpp"
#include "zofo/peft/common_layout.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_description.hpp"
#include "zofo/train/device.hpp"

namespace zofo::llm {

/// An adapter in peft's format, and the name that requests call it by.
struct NamedFolder {
  std::string name;
  std::filesystem::path folder;
};
/// "NAME=FOLDER". Throws Error for a text of another form.
inline NamedFolder named_folder(const std::string& text) {
  const std::size_t sign = text.find('=');
  require(sign != std::string::npos && sign > 0 && sign + 1 < text.size(),
          "--adapter {}: must be NAME=FOLDER", text);
  return {text.substr(0, sign), text.substr(sign + 1)};
}

/// θ and adapters by name; one without a name is that of a fine-tuning, which answers where no other is
/// named. Borrows the device.
template <class Device>
class AdapterSet {
  // Before `theta`, since placing it reads the run's adapters.
  std::vector<peft::PeftAdapter> read_;

 public:
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;

  /// `run` is the folder of a fine-tuning, or of a meta-training, whose adapters then have their tasks'
  /// names; empty: the model itself. Throws Error where an adapter does not fit the model or the others, or
  /// two have one name.
  AdapterSet(Device& device, Model loaded, const std::filesystem::path& run,
             std::span<const NamedFolder> given)
      : model(std::move(loaded)), theta(place(device, run)) {
    for (const NamedFolder& each : given) read(each.name, each.folder);
    const peft::Adapters layouts = unite();
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

  Model model;
  SelectedAdapters<Vector> selected;
  typename Backend::Theta& theta;
  std::optional<model::BasicTransformer<Backend>> transformer;

 private:
  typename Backend::Theta& place(Device& device, const std::filesystem::path& run) {
    if (run.empty()) return device.place(model.parameters);
    if (!std::filesystem::exists(run / RunDescription::file)) {
      typename Backend::Theta& placed = device.place(model.parameters);
      SelectedModel restored = restore(run, placed);
      if (!restored.adapter) return placed;
      selected.fallback = 0;
      add("", std::move(*restored.adapter));
      return placed;
    }
    const RunDescription described = read_description(run);
    described.check_backbone(run, model.parameters);
    for (const std::string& name : described.adapter_names())
      read(name, run / RunDescription::adapter_folder(name));
    merge_run(run, described, model.parameters);
    typename Backend::Theta& placed = device.place(model.parameters);
    replay_run(described, read_trajectory(run / "trajectory.jsonl"), placed);
    return placed;
  }
  void read(const std::string& name, const std::filesystem::path& folder) {
    add(name, peft::read_peft(folder, model.parameters.config()));
  }
  void add(const std::string& name, peft::PeftAdapter adapter) {
    require(std::ranges::find(selected.names, name) == selected.names.end(),
            "--adapter {}: an adapter has this name already", name);
    selected.names.push_back(name);
    read_.push_back(std::move(adapter));
  }

  // One layout a kind: LoRA's are widened to one, others must be of one size.
  peft::Adapters unite() {
    const model::Config& config = model.parameters.config();
    std::vector<peft::Lora> loras;
    std::vector<peft::Adapter> layouts;
    for (std::size_t i = 0; i < read_.size(); ++i) {
      if (const auto* lora = std::get_if<peft::Lora>(&read_[i].layout))
        loras.push_back(*lora);
      else
        take_virtual(read_[i].layout, selected.names[i], layouts);
    }
    if (loras.empty() && !layouts.empty()) return peft::Adapters(std::move(layouts));
    const peft::Lora common = loras.empty() ? peft::Lora(config, {}) : peft::common_layout(config, loras);
    for (peft::PeftAdapter& each : read_)
      if (const auto* lora = std::get_if<peft::Lora>(&each.layout)) {
        each.values = peft::widen(config, *lora, each.values, common);
        each.layout = common;
      }
    layouts.insert(layouts.begin(), common);
    return peft::Adapters(std::move(layouts));
  }
  static void take_virtual(const peft::Adapter& layout, const std::string& name,
                           std::vector<peft::Adapter>& layouts) {
    const peft::Kind kind = peft::kind(layout);
    for (const peft::Adapter& other : layouts) {
      if (peft::kind(other) != kind) continue;
      return require(peft::virtual_tokens(other) == peft::virtual_tokens(layout),
                     "--adapter {}: a {} of {} tokens: the others of this kind have {}", name,
                     peft::name(kind), peft::virtual_tokens(layout), peft::virtual_tokens(other));
    }
    layouts.push_back(layout);
  }

  std::vector<Vector> vectors_;
};

/// Scores the answer choices of requests. Those that arrived share a pass, whatever adapters they name.
template <class Device>
std::vector<std::vector<double>> score(AdapterSet<Device>& set, std::span<const Request> requests) {
  return score_requests(*set.transformer, set.theta, set.selected, requests);
}

/// Answers lines {"prompt": TEXT, "options": [TEXT, …], "adapter": NAME} (the last may be left out);
/// `write(line)` gets each answer as a JSON object, `flush()` is called after every group. Throws Error
/// naming a line that is no such object, once the lines before are answered.
template <class Device>
void score_lines(AdapterSet<Device>& set, parse::LineSource& lines,
                 const std::function<void(const std::string&)>& write, const std::function<void()>& flush) {
  std::vector<Request> waiting;
  std::size_t tokens = 0;
  const auto take = [&](const std::string& line, std::size_t number) {
    waiting.push_back(parse_request(set.model, line, lines.name(), number, set.selected));
    tokens += packed_tokens(waiting.back().row);
    return tokens >= Device::Backend::max_batch_tokens;
  };
  const auto answer = [&] {
    for (const std::string& each : answer_requests(*set.transformer, set.theta, set.selected, waiting))
      write(each);
    flush();  // whoever asks line by line waits for it
    waiting.clear();
    tokens = 0;
  };
  parse::answer_lines(lines, take, answer);
}

/// The same over the model and the adapters that AdapterSet takes.
template <class Device>
void score_lines(Device& device, Model model, const std::filesystem::path& run,
                 std::span<const NamedFolder> adapters, parse::LineSource& lines,
                 const std::function<void(const std::string&)>& write, const std::function<void()>& flush) {
  AdapterSet<Device> set(device, std::move(model), run, adapters);
  score_lines(set, lines, write, flush);
}

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_SCORE_INSTANCES(PREFIX, DEVICE)                                                              \
  PREFIX template void score_lines(DEVICE&, Model, const std::filesystem::path&,                          \
                                   std::span<const NamedFolder>, parse::LineSource&,                      \
                                   const std::function<void(const std::string&)>&,                        \
                                   const std::function<void()>&);

// zofo::llm holds those of the CPU.
ZOFO_SCORE_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
