/// @file The locations of a run's model and tasks.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace zofo::llm {

/// The names that a command is given.
struct InputPaths {
  std::string model;               ///< GGUF file or Hugging Face folder
  std::vector<std::string> tasks;  ///< folders with a task.toml, names of definitions, or files of rows
  std::string data;                ///< folder with NAME/train.jsonl and NAME/validation.jsonl; may be empty
  std::string definitions;         ///< folder with task definitions

  /// `data` as a path; nothing if it is empty.
  [[nodiscard]] std::optional<std::filesystem::path> data_folder() const {
    return data.empty() ? std::nullopt : std::optional<std::filesystem::path>(data);
  }
};

/// Without a task, a file in the place of the data folder is the task (data::text_task).
void take_rows_as_task(InputPaths& paths);

/// The paths as a saved state records them: absolute where they exist.
nlohmann::json to_json(const InputPaths& paths);
/// Reads them, also from states of older versions. Throws Error naming a field that is missing.
InputPaths input_paths_from(const nlohmann::json& saved);

}  // namespace zofo::llm
