/// @file Writes the result of a run: the selected model, or the adapters of its tasks.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/model/config.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_result.hpp"
#include "zofo/train/run_task.hpp"

namespace zofo::llm {

/// Writes the result of a run to its folder: `served.json` and one adapter of a fine-tuning; meta.json and
/// the adapters of the tasks of a meta-training. Borrows everything except the names.
struct RunOutputs {
  const RunFolder& folder;            ///< of the run
  const RunOptions& options;          ///< of the run
  const std::vector<RunTask>& tasks;  ///< of the run
  const model::Config& config;        ///< shape of the model
  const peft::Adapter& layout;        ///< of all adapters
  std::string base_model;             ///< name of θ_0 in the adapters' folders
  std::string model_hash;             ///< of θ_0

  /// Writes the description of a meta-training before its first step; nothing for a fine-tuning.
  void describe() const;
  /// Writes the model that was selected of a run of `steps` steps. Throws Error naming a file that cannot be
  /// written.
  void write(const Candidate& selected, std::uint32_t steps, std::size_t validation_examples) const;

 private:
  void write_description(std::optional<std::uint32_t> steps) const;
  void write_model(const Candidate& selected, std::size_t validation_examples) const;
  [[nodiscard]] std::string adapter_base() const;
  void write_adapters(const std::vector<Eigen::VectorXf>& adapters) const;
};

/// The result of a run as far as it follows from its options, tasks and counters, and from the selected
/// model.
RunResult result_of(const RunOptions& o, const std::vector<RunTask>& tasks, const Counters& counters,
                    const Candidate& selected);

}  // namespace zofo::llm
