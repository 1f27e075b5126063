/// @file A model on a device, as a run left it where one is named.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "zofo/lm/language_model.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/train/device.hpp"

namespace zofo::llm {

/// θ on a device with at most one adapter over it, ready to score and to generate. Borrows the device.
template <class Device>
struct RunModel {
  using Backend = typename Device::Backend;
  using Vector = typename Backend::Vector;

  /// `run`: the folder of a fine-tuning that began with this model; empty: the model itself. Throws Error
  /// where the folder is not one, or does not fit the model.
  explicit RunModel(Device& on, Model loaded, const std::filesystem::path& run = {});
  RunModel(const RunModel&) = delete;
  RunModel& operator=(const RunModel&) = delete;

  /// Null where θ has no adapter over it.
  [[nodiscard]] const Vector* adapter_or_null() const { return adapter ? &*adapter : nullptr; }
  /// Positions that the adapter takes of the context.
  [[nodiscard]] std::uint32_t taken() const {
    const peft::Adapters& layouts = transformer->adapters();
    return adapter ? layouts.virtual_tokens(layouts.first()) : 0;
  }

  Device& device;
  Model model;
  typename Backend::Theta& theta;
  std::optional<Vector> adapter;
  std::optional<model::BasicTransformer<Backend>> transformer;
};

template <class Device>
RunModel<Device>::RunModel(Device& on, Model loaded, const std::filesystem::path& run)
    : device(on), model(std::move(loaded)), theta(device.place(model.parameters)) {
  SelectedModel selected;
  if (!run.empty()) selected = restore(run, theta);
  peft::Adapter layout = peft::Lora(model.parameters.config(), {});
  if (selected.adapter) {
    adapter.emplace(device.vector(std::move(selected.adapter->values)));
    layout = std::move(selected.adapter->layout);
  }
  transformer.emplace(device.backend(), model.parameters.config(), std::move(layout));
}

template <class Device>
RunModel(Device&, Model) -> RunModel<Device>;
template <class Device>
RunModel(Device&, Model, const std::filesystem::path&) -> RunModel<Device>;

// zofo::llm holds the instance of the CPU.
extern template RunModel<CpuDevice>::RunModel(CpuDevice&, Model, const std::filesystem::path&);

}  // namespace zofo::llm
