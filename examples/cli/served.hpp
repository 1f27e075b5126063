// A model on a device, as a run left it where one is named.
#pragma once

#include <optional>
#include <string>

#include "zofo/tune/load_model.hpp"
#include "zofo/tune/restore.hpp"

namespace zofo::cli {

template <class Device>
struct Served {
  using Backend = typename Device::Backend;

  Served(Device& device, const std::string& model_file, const std::string& run)
      : model(tune::load_model(model_file)), theta(device.place(model.parameters)) {
    std::optional<peft::Lora> lora;
    if (!run.empty()) {
      const tune::Restored restored = tune::restore(run, theta);
      lora = restored.lora;
      if (restored.adapter() != nullptr) adapter.emplace(device.vector(*restored.adapter()));
    }
    transformer.emplace(device.backend(), model.parameters.config(),
                        lora ? *lora : peft::Lora(model.parameters.config(), {}));
  }
  [[nodiscard]] const typename Backend::Vector* adapter_or_null() const {
    return adapter ? &*adapter : nullptr;
  }

  tune::Model model;
  typename Backend::Theta& theta;
  std::optional<typename Backend::Vector> adapter;
  std::optional<model::BasicTransformer<Backend>> transformer;
};

}  // namespace zofo::cli
