/// @file What a run serves, as files of its folder: served.json, and the adapter as peft stores it.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "zofo/checkpoint/atomic_file.hpp"
#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model/config.hpp"
#include "zofo/peft/peft_adapter.hpp"
#include "zofo/run/fingerprint.hpp"

namespace zofo::llm {

/// What a run serves, and why.
struct Served {
  std::string what;         ///< "upper" (θ, p), "lower" (θ, s) or "backbone" (θ alone)
  std::uint32_t steps = 0;  ///< steps of the trajectory that lead to it: all but where training stopped early
  double upper_loss = 0.0;  ///< of (θ, p) on the rows that decided; 0 where nothing was to decide
  double lower_loss = 0.0;  ///< of (θ, s) on the same rows
  std::uint64_t decision_rows = 0;
  std::optional<peft::PeftAdapter> adapter = {};  ///< none for "backbone"

  /// Null for "backbone".
  [[nodiscard]] const Eigen::VectorXf* values() const { return adapter ? &adapter->values : nullptr; }
};

inline constexpr const char* served_file = "served.json";
inline constexpr const char* adapter_folder = "adapter";

/// Writes both into a run's folder, over those of an earlier end of the same run; served.json, which says the
/// adapter's hash, comes last. Throws Error naming the file when the disk refuses.
inline void write_served(const std::filesystem::path& run, const model::Config& config, const Served& served,
                         const std::string& base_model) {
  nlohmann::json out = {{"served", served.what},
                        {"steps", served.steps},
                        {"decision",
                         {{"upper_loss", served.upper_loss},
                          {"lower_loss", served.lower_loss},
                          {"rows", served.decision_rows}}}};
  if (served.adapter) {
    const Eigen::VectorXf& x = served.adapter->values;
    std::filesystem::create_directories(run / adapter_folder);
    peft::write_peft(run / adapter_folder, config, served.adapter->layout,
                     {x.data(), static_cast<std::size_t>(x.size())}, base_model);
    out["adapter_hash"] = hash_of(x);
  }
  checkpoint::write_atomically(run / served_file, out.dump(2) + "\n");
}

/// Reads both for a model of this shape. Throws Error (file, field) unless they are whole and fit together.
inline Served read_served(const std::filesystem::path& run, const model::Config& config) {
  const auto file = checkpoint::JsonFields::load(run / served_file);
  Served served;
  served.what = file.string("served");
  if (served.what != "upper" && served.what != "lower" && served.what != "backbone")
    file.refuse("served", "upper, lower or backbone");
  served.steps = file.integer("steps");
  if (served.what == "backbone") return served;
  served.adapter = peft::read_peft(run / adapter_folder, config);
  const std::string found = hash_of(served.adapter->values);
  require(found == file.string("adapter_hash"), "{}: its values have the hash {}: {} says {}",
          (run / adapter_folder).string(), found, served_file, file.string("adapter_hash"));
  return served;
}

}  // namespace zofo::llm
