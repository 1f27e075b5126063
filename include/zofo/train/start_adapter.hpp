/// @file An adapter in peft's format as the start of a training.
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <string>

#include "zofo/config/run_options.hpp"
#include "zofo/model/config.hpp"
#include "zofo/model/initial_adapter.hpp"
#include "zofo/peft/adapter.hpp"

namespace zofo::llm {

/// The folder in a run folder with a copy of the adapter that the run started from.
inline constexpr const char* start_adapter_folder = "start_adapter";

/// The kind of the adapter in a folder, by its adapter_config.json. Throws Error naming file and field.
AdapterKind adapter_kind(const std::filesystem::path& folder);

/// The options with the sizes of the adapter that `o.start_adapter` names; unchanged if it names none. An
/// option that has its default takes the adapter's value. Throws Error naming an option with another value,
/// or where the method trains no adapter of that kind, or the folder does not fit the model. `run`: a run
/// folder, whose copy comes before the named folder.
RunOptions with_start_adapter(RunOptions o, const model::Config& config, const std::filesystem::path& run);

/// The values that the named adapter has. Throws Error as with_start_adapter.
Eigen::VectorXf start_values(const RunOptions& o, const model::Config& config,
                             const std::filesystem::path& run);

/// Copies the named adapter into the run folder, so that the run can be resumed without the original.
void copy_start_adapter(const RunOptions& o, const std::filesystem::path& run);

/// The values of an adapter before its first step: those of the named adapter, or model::initial_adapter.
template <class Transformer, class Theta>
Eigen::VectorXf first_adapter(Transformer& transformer, const Theta& theta, const peft::Adapter& layout,
                              const RunOptions& o, const std::filesystem::path& run) {
  if (!o.start_adapter.empty()) return start_values(o, transformer.config(), run);
  return model::initial_adapter(transformer, theta, layout, o.seed);
}

}  // namespace zofo::llm
