// A backbone with any number of adapters over it, on a device.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "zofo/peft/common_layout.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/meta_run.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/lm/score_requests.hpp"

namespace zofo::cli {

// The adapters by name; one without a name is that of a fine-tuning, which answers where no other is named.
template <class Device>
class ScoreAdapters {
  // Before `theta`, since placing it reads the run's adapters.
  std::vector<peft::PeftAdapter> read_;

 public:
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;

  // `run` is that of a fine-tuning, or a meta-trained one, whose adapters then have their tasks' names;
  // `given` are NAME=FOLDER in peft's format. Throws Error where one does not fit the model or the others, or
  // is named twice.
  ScoreAdapters(Device& device, const std::string& model_file, const std::string& run,
                const std::vector<std::string>& given)
      : model(llm::load_model(model_file)), theta(place(device, run)) {
    for (const std::string& each : given) add_given(each);
    const peft::Adapters layouts = unite();
    for (peft::PeftAdapter& each : read_) {
      const peft::Kind kind = peft::kind(each.layout);
      vectors_.push_back(device.vector(std::move(each.values)));
      served.adapters.push_back({nullptr, kind, layouts.virtual_tokens(kind)});
    }
    for (std::size_t i = 0; i < vectors_.size(); ++i) served.adapters[i].values = &vectors_[i];
    read_.clear();
    transformer.emplace(device.backend(), model.parameters.config(), layouts);
  }
  ScoreAdapters(const ScoreAdapters&) = delete;
  ScoreAdapters& operator=(const ScoreAdapters&) = delete;

  llm::Model model;
  llm::ServedAdapters<Vector> served;
  typename Backend::Theta& theta;
  std::optional<model::BasicTransformer<Backend>> transformer;

 private:
  typename Backend::Theta& place(Device& device, const std::string& run) {
    if (run.empty()) return device.place(model.parameters);
    if (!std::filesystem::exists(std::filesystem::path(run) / llm::MetaRun::file)) {
      typename Backend::Theta& placed = device.place(model.parameters);
      llm::Served restored = llm::restore(run, placed);
      if (!restored.adapter) return placed;
      served.fallback = 0;
      add("", std::move(*restored.adapter));
      return placed;
    }
    const llm::MetaRun described = llm::read_meta_run(run);
    described.check_backbone(run, model.parameters);
    for (const std::string& name : described.adapter_names())
      read(name, std::filesystem::path(run) / llm::MetaRun::adapter_folder(name));
    llm::merge_run(run, described, model.parameters);
    typename Backend::Theta& placed = device.place(model.parameters);
    llm::replay_run(described, llm::trajectory_of(run), placed);
    return placed;
  }
  void add_given(const std::string& text) {
    const std::size_t sign = text.find('=');
    require(sign != std::string::npos && sign > 0 && sign + 1 < text.size(),
            "--adapter {}: must be NAME=FOLDER", text);
    read(text.substr(0, sign), text.substr(sign + 1));
  }
  void read(const std::string& name, const std::filesystem::path& folder) {
    add(name, peft::read_peft(folder, model.parameters.config()));
  }
  void add(const std::string& name, peft::PeftAdapter adapter) {
    require(std::ranges::find(served.names, name) == served.names.end(),
            "--adapter {}: an adapter has this name already", name);
    served.names.push_back(name);
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
        take_virtual(read_[i].layout, served.names[i], layouts);
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

}  // namespace zofo::cli
