/// @file Where a run's model and tasks are: names of files and folders.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::llm {

/// The names that a command is given.
struct InputPaths {
  std::string model;               ///< GGUF file or Hugging Face folder
  std::vector<std::string> tasks;  ///< folders with a task.toml, or names of definitions
  std::string data;                ///< folder with NAME/train.jsonl and NAME/validation.jsonl; may be empty
  std::string definitions;         ///< folder with task definitions

  [[nodiscard]] std::optional<std::filesystem::path> data_folder() const {
    return data.empty() ? std::nullopt : std::optional<std::filesystem::path>(data);
  }
};

/// Places as a saved state keeps them: names that refer to the same files from any folder.
inline nlohmann::json to_json(const InputPaths& paths) {
  const auto whole = [](const std::string& path) {
    std::error_code ignored;
    const bool exists = !path.empty() && std::filesystem::exists(path, ignored);
    return exists ? std::filesystem::absolute(path).string() : path;
  };
  nlohmann::json tasks = nlohmann::json::array();
  for (const std::string& task : paths.tasks) tasks.push_back(whole(task));
  return {{"model", whole(paths.model)},
          {"tasks", tasks},
          {"data", whole(paths.data)},
          {"definitions", whole(paths.definitions)}};
}
/// Reads them back, also from states of older versions. Throws Error naming a field that is missing.
inline InputPaths input_paths_from(const nlohmann::json& saved) {
  InputPaths paths;
  try {
    paths.model = saved.at("model").get<std::string>();
    paths.data = saved.at("data").get<std::string>();
    const bool one = saved.contains("task");  // an older fine-tuning: `tasks` was the folder of definitions
    paths.definitions = saved.at(one ? "tasks" : "definitions").get<std::string>();
    if (one)
      paths.tasks = {saved.at("task").get<std::string>()};
    else
      paths.tasks = saved.at("tasks").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: place: {}", error.what());
  }
  return paths;
}

}  // namespace zofo::llm
