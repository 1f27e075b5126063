/// @file Templates of train/run_model.hpp, for a program with its own device.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "zofo/model/transformer.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::llm {

/// Weights, adapter and transformer of a model on a device.
template <class Device>
struct RunModel<Device>::State {
  using Backend = typename Device::Backend;  ///< of the device
  using Vector = typename Backend::Vector;   ///< an adapter

  /// As RunModel.
  State(Device& on, Model loaded, const ModelParts& parts)
      : device(on),
        model(std::move(loaded)),
        given(take_adapter(model.parameters, parts)),
        theta(device.place(model.parameters)) {
    SelectedModel selected;
    if (!parts.run.empty()) selected = restore(parts.run, theta);
    if (!parts.adapter.empty()) selected.adapter = std::exchange(given, std::nullopt);
    peft::Adapter layout = peft::Lora(model.parameters.config(), {});
    if (selected.adapter) {
      adapter.emplace(device.vector(std::move(selected.adapter->values)));
      layout = std::move(selected.adapter->layout);
    }
    transformer.emplace(device.backend(), model.parameters.config(), std::move(layout));
  }

  /// Null where θ has no adapter.
  [[nodiscard]] const Vector* adapter_or_null() const { return adapter ? &*adapter : nullptr; }
  /// Positions of the context for the adapter's virtual tokens.
  [[nodiscard]] std::uint32_t reserved() const {
    const peft::Adapters& layouts = transformer->adapters();
    return adapter ? layouts.virtual_tokens(layouts.first()) : 0;
  }

  Device& device;                                               ///< borrowed
  Model model;                                                  ///< weights and tokenizer
  std::optional<peft::PeftAdapter> given;                       ///< only during the construction
  typename Backend::Theta& theta;                               ///< the backbone on the device
  std::optional<Vector> adapter;                                ///< on the device
  std::optional<model::BasicTransformer<Backend>> transformer;  ///< set by the constructor
};

template <class Device>
RunModel<Device>::RunModel(Device& device, Model model, const ModelParts& parts)
    : state_(std::make_unique<State>(device, std::move(model), parts)) {}

template <class Device>
RunModel<Device>::~RunModel() = default;

}  // namespace zofo::llm
