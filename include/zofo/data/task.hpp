/// @file A task with its examples: finds the definition by name and reads the data files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "zofo/data/task_definition.hpp"

namespace zofo::data {

/// A task with its examples.
struct TaskData {
  Task task;                                     ///< the definition
  std::vector<Example> train;                    ///< of train.jsonl
  std::vector<Example> validation;               ///< of the file `held_out`
  std::vector<std::string> demonstrations = {};  ///< solved examples before every prompt
  std::vector<std::string> notes = {};           ///< remarks about the data for the user
  std::string held_out = "validation.jsonl";     ///< the file of `validation`
};

/// Every line of a JSON Lines file as an example of `task`. Throws Error like read_jsonl and Task::example.
std::vector<Example> examples(const Task& task, const std::filesystem::path& file);

/// A task under one of its templates ("": the first), and its examples. `folder_or_name` is a folder with
/// `task.toml`, or the name of a folder in `definitions`. The examples are in `train.jsonl` and
/// `validation.jsonl` in `data_folder`/NAME, or in `data_folder` if that does not exist, or next to the
/// `task.toml` without a data folder. Examples without candidates are removed with a note; training examples
/// only if the loss needs candidates. `held_out` names another file than validation.jsonl, for scores. Throws
/// Error when the task (the message lists the existing ones), the template or a file does not exist, or no
/// example remains.
TaskData load_task(const std::string& folder_or_name, const std::optional<std::filesystem::path>& data_folder,
                   const std::filesystem::path& definitions, const std::string& template_name = "",
                   const std::string& held_out = "validation.jsonl");

}  // namespace zofo::data
