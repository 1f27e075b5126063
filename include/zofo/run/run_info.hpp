/// @file run.json: what a run was started with, so that its folder can be used without anything else.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "zofo/model/parameters.hpp"
#include "zofo/run/run_directory.hpp"

namespace zofo::llm {

/// A task of a run, and where the run's folder holds its definition and held-out examples.
struct RunInfoTask {
  std::string name;                              ///< of the task
  std::string folder;                            ///< relative to the run folder; "": the run holds no copy
  std::string template_name;                     ///< prompt template
  std::string kind;                              ///< "choice", "candidates" or "generate"
  std::string prompt;                            ///< prompt template's text
  std::vector<std::string> choices = {};         ///< answer choices
  std::vector<std::string> demonstrations = {};  ///< solved examples before every prompt
};

/// The contents of run.json that the program reads again.
struct RunInfo {
  std::string model;                    ///< absolute path of θ_0; "": the run was given none
  std::string model_hash;               ///< of θ_0 (hash_of_model)
  std::vector<RunInfoTask> tasks = {};  ///< in the order of the run

  /// The file's name in the run folder.
  static constexpr const char* file = "run.json";
};

/// Who started a run, and where.
struct Provenance {
  std::vector<std::string> command_line = {};  ///< the program and its arguments; empty: not by the program
  std::string machine = "{}";                  ///< JSON object that describes the machine
};

/// Writes run.json of a new run. `more` has further fields for readers: the method, the seed.
void write_run_info(const RunFolder& folder, const RunInfo& info, const Provenance& provenance,
                    const nlohmann::json& more);

/// Adds the command that resumes a run to its run.json; nothing for a run of an earlier release, which has
/// none.
void add_resumption(const RunFolder& folder, const Provenance& provenance);

/// Whether the folder has a run.json; those of earlier releases have none.
bool has_run_info(const std::filesystem::path& run);

/// Reads run.json. Throws Error naming file and field; for a run of an earlier release, that its model must
/// be given.
RunInfo read_run_info(const std::filesystem::path& run);

/// A message if these are not the weights that the run started with, which names both hashes; empty if they
/// are, or the run has no run.json. `model` names the weights.
std::string model_difference(const std::filesystem::path& run, const std::string& model,
                             const model::Parameters& theta);

}  // namespace zofo::llm
