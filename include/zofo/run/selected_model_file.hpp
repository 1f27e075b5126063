/// @file The selected model of a run in the run's folder: "served.json", and the adapter in peft's format.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "zofo/config/option_enums.hpp"
#include "zofo/model/config.hpp"
#include "zofo/peft/peft_adapter.hpp"

namespace zofo::llm {

/// The selected model of a run, and the losses that decided.
struct SelectedModel {
  Selected selected = Selected::backbone;         ///< (θ, p), (θ, s) or θ
  std::uint32_t steps = 0;                        ///< steps of the trajectory; fewer after early stopping
  double upper_loss = 0.0;                        ///< of (θ, p) on the validation examples; 0 if not compared
  double lower_loss = 0.0;                        ///< of (θ, s) on the same examples
  std::uint64_t validation_examples = 0;          ///< their number
  std::optional<peft::PeftAdapter> adapter = {};  ///< none for θ without adapter

  /// The adapter's values; nullptr for θ without adapter.
  [[nodiscard]] const Eigen::VectorXf* values() const { return adapter ? &adapter->values : nullptr; }
};

/// The file of the selection in a run folder.
inline constexpr const char* selected_file = "served.json";
/// The folder of the adapter in a run folder.
inline constexpr const char* adapter_folder = "adapter";

/// Writes the adapter, then "served.json" with the adapter's hash, into a run's folder. Replaces the files of
/// an earlier end of the same run. Throws Error naming the file if a write fails.
void write_selected(const std::filesystem::path& run, const model::Config& config, const SelectedModel& model,
                    const std::string& base_model);

/// Reads both for a model of this shape. Throws Error (file, field) if they are damaged or do not match.
SelectedModel read_selected(const std::filesystem::path& run, const model::Config& config);

}  // namespace zofo::llm
