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
  Task task;                                               ///< the definition
  std::vector<Example> train;                              ///< of the file `train_file`
  std::vector<Example> validation;                         ///< of the file `held_out`
  std::vector<std::string> demonstrations = {};            ///< solved examples before every prompt
  std::vector<std::string> notes = {};                     ///< remarks about the data for the user
  std::string held_out = "validation.jsonl";               ///< the file of `validation`
  std::string train_file = "train.jsonl";                  ///< the file of `train`
  std::filesystem::path definition = {};                   ///< the task.toml; empty: the task is of no file
  std::vector<std::filesystem::path> held_out_files = {};  ///< those of validation and test that exist
};

/// The names of the parts of a data set that have files of their own, without the files' endings.
inline constexpr const char* train_split = "train";
/// The examples that a run scores and may use for decisions.
inline constexpr const char* validation_split = "validation";
/// The examples that no run reads.
inline constexpr const char* test_split = "test";

/// Every row of a file (data/row_table.hpp) as an example of `task`. Throws Error like read_row_lines and
/// Task::example.
std::vector<Example> examples(const Task& task, const std::filesystem::path& file);

/// Where a task and its examples are.
struct TaskPlace {
  std::string task;  ///< folder with `task.toml`, name of a folder in `definitions`, or file for text_task
  std::optional<std::filesystem::path> data;  ///< folder with NAME/train.jsonl, or train.jsonl
  std::filesystem::path definitions;          ///< folder with the folders of task definitions
};

/// What of a task's examples is read.
struct TaskParts {
  std::string template_name = "";           ///< prompt template; "": the first
  std::string held_out = validation_split;  ///< split of TaskData::validation; "": none is read
  bool train = true;                        ///< read the training examples
};

/// A task under one of its templates, and its examples. They are in `train` and `validation` (or another
/// split) with one of the endings .jsonl, .csv and .tsv, of which the first that exists is read: in
/// `data`/NAME, or in `data` if that does not exist, or next to the `task.toml` without a data folder.
/// Examples without candidates are removed with a note; training examples only if the loss needs candidates.
/// Throws Error when the task (the message lists the existing ones), the template or a file does not exist,
/// or no example remains.
TaskData load_task(const TaskPlace& place, const TaskParts& parts = {});

/// The task whose examples are the rows of free text in a file (text_rows.hpp). With `parts.train` the
/// validation examples are a tenth of the rows, sampled by the seed 0; without, they are all rows. Throws
/// Error as read_row_lines and text_example, and where a row is needed for each.
TaskData text_task(const std::filesystem::path& file, const TaskParts& parts = {});

/// The file of a split of the task. Throws Error as load_task.
std::filesystem::path split_file(const TaskPlace& place, const std::string& split);

/// The same for training and validation examples.
TaskData load_task(const std::string& folder_or_name, const std::optional<std::filesystem::path>& data_folder,
                   const std::filesystem::path& definitions, const std::string& template_name = "",
                   const std::string& held_out = validation_split);

}  // namespace zofo::data
