/// @file The model that a run selected, as files of its folder: served.json, and the adapter as peft stores
/// it.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/config/option_enums.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model/config.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/fingerprint.hpp"

namespace zofo::llm {

/// The model that a run selected, and why.
struct SelectedModel {
  Selected selected = Selected::backbone;
  std::uint32_t steps = 0;  ///< steps of the trajectory that lead to it: all but where training stopped early
  double upper_loss = 0.0;  ///< of (θ, p) on the rows that decided; 0 where nothing was to decide
  double lower_loss = 0.0;  ///< of (θ, s) on the same rows
  std::uint64_t validation_examples = 0;
  std::optional<peft::PeftAdapter> adapter = {};  ///< none if only the backbone

  /// Null if only the backbone.
  [[nodiscard]] const Eigen::VectorXf* values() const { return adapter ? &adapter->values : nullptr; }
};

inline constexpr const char* selected_file = "served.json";
inline constexpr const char* adapter_folder = "adapter";

/// Writes both into a run's folder, over those of an earlier end of the same run; served.json, which has the
/// adapter's hash, comes last. Throws Error naming the file when the disk refuses.
inline void write_selected(const std::filesystem::path& run, const model::Config& config,
                           const SelectedModel& model, const std::string& base_model) {
  nlohmann::json out = {{"served", to_text(model.selected)},
                        {"steps", model.steps},
                        {"decision",
                         {{"upper_loss", model.upper_loss},
                          {"lower_loss", model.lower_loss},
                          {"rows", model.validation_examples}}}};
  if (model.adapter) {
    const Eigen::VectorXf& x = model.adapter->values;
    std::filesystem::create_directories(run / adapter_folder);
    peft::write_peft(run / adapter_folder, config, model.adapter->layout,
                     {x.data(), static_cast<std::size_t>(x.size())}, base_model);
    out["adapter_hash"] = hash_of(x);
  }
  zofo::write_atomically(run / selected_file, out.dump(2) + "\n");
}

/// Reads both for a model of this shape. Throws Error (file, field) unless they are whole and fit together.
inline SelectedModel read_selected(const std::filesystem::path& run, const model::Config& config) {
  const auto file = checkpoint::JsonFields::load(run / selected_file);
  SelectedModel model;
  model.selected =
      parse::with_path(file.location(), [&] { return enum_from<Selected>("served", file.string("served")); });
  model.steps = file.integer("steps");
  if (model.selected == Selected::backbone) return model;
  model.adapter = peft::read_peft(run / adapter_folder, config);
  const std::string found = hash_of(model.adapter->values);
  require(found == file.string("adapter_hash"), "{}: its values have the hash {}: {} says {}",
          (run / adapter_folder).string(), found, selected_file, file.string("adapter_hash"));
  return model;
}

}  // namespace zofo::llm
