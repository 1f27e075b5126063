/// @file Checkpoints of a fine-tuning: after an evaluation the adapter in peft's format, and the state from
/// which the run resumes. The best by validation stays.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "zofo/checkpoint/run_state.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/model/config.hpp"
#include "zofo/peft/adapter.hpp"
#include "zofo/run/counters.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// The folder of the checkpoints in a run folder.
inline constexpr const char* checkpoints_folder = "checkpoints";

/// A checkpoint in a run folder.
struct SavedCheckpoint {
  std::uint32_t step = 0;  ///< outer steps before it
  double loss = 0.0;       ///< on the validation examples
};

/// The checkpoints of a run, by their steps. Throws Error naming a file that is damaged.
std::vector<SavedCheckpoint> saved_checkpoints(const std::filesystem::path& run);

/// The folder of a checkpoint in a run folder.
std::filesystem::path checkpoint_folder(const std::filesystem::path& run, std::uint32_t step);

/// The state of a checkpoint. Throws Error naming the steps that there are if there is none of this step.
checkpoint::RunState read_checkpoint(const RunFolder& folder, std::uint32_t step);

/// Makes a checkpoint the state of the run, from which it resumes, and removes the later ones and the result.
void rewind_to(const RunFolder& folder, std::uint32_t step);

/// Writes the checkpoints of a run. Borrows the folder and the options.
class AdapterCheckpoints {
 public:
  /// Keeps options.keep_checkpoints of them: the best, and the latest of the others.
  AdapterCheckpoints(const RunFolder& folder, const RunOptions& options)
      : folder_(folder), options_(options) {}

  /// Remembers an evaluated candidate, which write() then writes.
  void evaluated(const Candidate& candidate) {
    if (options_.keep_checkpoints > 0) waiting_ = candidate;
  }
  /// Whether a candidate waits to be written.
  [[nodiscard]] bool due() const { return waiting_.has_value(); }
  /// Writes the candidate and the run's saved state, which must be of the same step. Removes checkpoints that
  /// are neither the best nor among the latest. Throws Error naming a file that cannot be written.
  void write(const model::Config& config, const peft::Adapter& layout, const std::string& base_model);

 private:
  const RunFolder& folder_;
  const RunOptions& options_;
  std::optional<Candidate> waiting_;
};

/// Which step was selected, of how many, and why, for people.
std::string selection_reason(const RunOptions& o, const Candidate& selected, std::uint32_t steps,
                             std::size_t validation_examples);

}  // namespace zofo::llm
