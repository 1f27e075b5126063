// A model on a device, as a run left it where one is named.
#pragma once

#include <optional>
#include <string>

#include "zofo/model/transformer.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/restore.hpp"

namespace zofo::cli {

template <class Device>
struct Served {
  using Backend = typename Device::Backend;

  Served(Device& device, const std::string& model_file, const std::string& run)
      : model(llm::load_model(model_file)), theta(device.place(model.parameters)) {
    const model::Config& config = model.parameters.config();
    llm::Served served;
    if (!run.empty()) served = llm::restore(run, theta);
    if (served.adapter) adapter.emplace(device.vector(served.adapter->values));
    transformer.emplace(device.backend(), config,
                        served.adapter ? served.adapter->layout : peft::Adapter(peft::Lora(config, {})));
  }
  [[nodiscard]] const typename Backend::Vector* adapter_or_null() const {
    return adapter ? &*adapter : nullptr;
  }
  // Positions that the adapter takes of the context.
  [[nodiscard]] std::uint32_t taken() const {
    const peft::Adapters& layouts = transformer->adapters();
    return adapter ? layouts.virtual_tokens(layouts.first()) : 0;
  }

  llm::Model model;
  typename Backend::Theta& theta;
  std::optional<typename Backend::Vector> adapter;
  std::optional<model::BasicTransformer<Backend>> transformer;
};

}  // namespace zofo::cli
