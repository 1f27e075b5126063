// A backbone with any number of LoRA adapters over it, on a device.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/peft/common_layout.hpp"
#include "zofo/peft/peft_format.hpp"
#include "zofo/tune/load_model.hpp"
#include "zofo/tune/meta_run.hpp"
#include "zofo/tune/restore.hpp"

namespace zofo::cli {

// The adapters by name; one without a name is that of a fine-tuning, which answers where no other is named.
template <class Device>
class ScoreAdapters {
  // Before `theta`, since placing it reads the run's adapters.
  std::vector<peft::Lora> layouts_;
  std::vector<Eigen::VectorXf> values_;

 public:
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;

  // `run` is that of a fine-tuning, or a meta-trained one, whose adapters then have their tasks' names; `given`
  // are NAME=FOLDER in peft's format. Throws Error where one does not fit the model or is named twice.
  ScoreAdapters(Device& device, const std::string& model_file, const std::string& run,
                const std::vector<std::string>& given)
      : model(tune::load_model(model_file)), theta(place(device, run)) {
    for (const std::string& each : given) add_given(each);
    const model::Config& config = model.parameters.config();
    const peft::Lora layout =
        layouts_.empty() ? peft::Lora(config, {}) : peft::common_layout(config, layouts_);
    for (std::size_t i = 0; i < layouts_.size(); ++i)
      vectors_.push_back(device.vector(peft::widen(config, layouts_[i], values_[i], layout)));
    for (const Vector& each : vectors_) pointers.push_back(&each);
    values_.clear();
    transformer.emplace(device.backend(), config, layout);
  }
  ScoreAdapters(const ScoreAdapters&) = delete;
  ScoreAdapters& operator=(const ScoreAdapters&) = delete;

  tune::Model model;
  std::vector<std::string> names;
  int fallback = -1;  // the adapter of requests that name none
  typename Backend::Theta& theta;
  std::optional<model::BasicTransformer<Backend>> transformer;
  std::vector<const Vector*> pointers;

 private:
  typename Backend::Theta& place(Device& device, const std::string& run) {
    if (run.empty()) return device.place(model.parameters);
    if (!std::filesystem::exists(std::filesystem::path(run) / tune::MetaRun::file)) {
      typename Backend::Theta& placed = device.place(model.parameters);
      tune::Restored restored = tune::restore(run, placed);
      if (restored.adapter() == nullptr) return placed;
      fallback = 0;
      add("", std::move(restored.lora), *restored.adapter());
      return placed;
    }
    const tune::MetaRun described = tune::read_meta_run(run);
    described.check_backbone(run, model.parameters);
    for (const std::string& name : described.adapter_names())
      read(name, std::filesystem::path(run) / tune::MetaRun::adapter_folder(name));
    tune::merge_run(run, described, model.parameters);
    typename Backend::Theta& placed = device.place(model.parameters);
    tune::replay_run(run, described, placed);
    return placed;
  }
  void add_given(const std::string& text) {
    const std::size_t sign = text.find('=');
    require(sign != std::string::npos && sign > 0 && sign + 1 < text.size(),
            "--adapter {}: must be NAME=FOLDER", text);
    read(text.substr(0, sign), text.substr(sign + 1));
  }
  void read(const std::string& name, const std::filesystem::path& folder) {
    peft::PeftLora read = peft::read_peft_lora(folder, model.parameters.config());
    add(name, std::move(read.lora), std::move(read.values));
  }
  void add(const std::string& name, peft::Lora lora, Eigen::VectorXf values) {
    require(std::ranges::find(names, name) == names.end(), "--adapter {}: an adapter has this name already",
            name);
    names.push_back(name);
    layouts_.push_back(std::move(lora));
    values_.push_back(std::move(values));
  }

  std::vector<Vector> vectors_;
};

}  // namespace zofo::cli
