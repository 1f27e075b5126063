/// @file A model on a device, as loaded or as the result of a run.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "zofo/lm/language_model.hpp"
#include "zofo/model/parameters.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/train/device.hpp"

namespace zofo::llm {

/// What is put on a model.
struct ModelParts {
  std::filesystem::path run = {};      ///< folder of a fine-tuning that started with this model; empty: none
  std::filesystem::path adapter = {};  ///< folder in peft's format, instead of the run's; empty: none
};

/// Reads the adapter of `parts` and puts on θ what it changes of the model's own weights (DoRA, a saved
/// embedding or head). Returns the adapter that remains; none: `parts` names none, or θ has all of it. Throws
/// Error where it does not fit the model, or changes weights that a run changes too.
std::optional<peft::PeftAdapter> take_adapter(model::Parameters& theta, const ModelParts& parts);

/// θ on a device with at most one adapter, ready to score and to generate. Borrows the device.
template <class Device>
class RunModel {
 public:
  /// `run`: the folder of a fine-tuning that started with this model; empty: the model itself. Throws Error
  /// where the folder is no run folder, or does not fit the model.
  explicit RunModel(Device& device, Model model, const std::filesystem::path& run = {})
      : RunModel(device, std::move(model), ModelParts{run, {}}) {}
  /// The model with a run's updates, and with the run's adapter or another one. Throws Error as the other.
  RunModel(Device& device, Model model, const ModelParts& parts);
  RunModel(const RunModel&) = delete;
  RunModel& operator=(const RunModel&) = delete;
  ~RunModel();

  /// Weights, adapter and transformer; defined in train/impl/run_model.hpp.
  struct State;
  /// The loaded model, for templates over a device.
  [[nodiscard]] State& state() { return *state_; }
  /// The same of a constant model.
  [[nodiscard]] const State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

template <class Device>
RunModel(Device&, Model) -> RunModel<Device>;
template <class Device>
RunModel(Device&, Model, const std::filesystem::path&) -> RunModel<Device>;
template <class Device>
RunModel(Device&, Model, const ModelParts&) -> RunModel<Device>;

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_RUN_MODEL_INSTANCES(PREFIX, DEVICE)                                 \
  PREFIX template RunModel<DEVICE>::RunModel(DEVICE&, Model, const ModelParts&); \
  PREFIX template RunModel<DEVICE>::~RunModel();

// zofo::llm holds those of the CPU.
ZOFO_RUN_MODEL_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
