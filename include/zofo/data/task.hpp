/// @file A task with its rows: definitions found by name, rows read, those without candidates sorted out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/task_definition.hpp"
#include "zofo/data/task_file.hpp"
#include "zofo/data/task_rows.hpp"

namespace zofo::data {

/// A task with its rows.
struct TaskData {
  Task task;
  std::vector<Example> train, validation;
  std::vector<std::string> demonstrations = {};  ///< solved rows that stand before every prompt
  std::vector<std::string> notes = {};           ///< what a person should know of the rows
};

namespace detail {

/// The names of the tasks defined in a folder, for messages.
inline std::string task_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;  // an absent folder has no tasks
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (std::filesystem::exists(entry.path() / "task.toml"))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

/// The folder that holds `task.toml`: the one named, or that of a definition.
inline std::filesystem::path definition_folder(const std::string& folder_or_name,
                                               const std::filesystem::path& definitions) {
  namespace fs = std::filesystem;
  if (fs::exists(fs::path(folder_or_name) / "task.toml")) return folder_or_name;
  const bool is_name = !folder_or_name.empty() && folder_or_name.find_first_of("/\\") == std::string::npos &&
                       folder_or_name.front() != '.';
  if (is_name && fs::exists(definitions / folder_or_name / "task.toml")) return definitions / folder_or_name;
  fail("task '{}': neither a folder with a task.toml nor a task defined in {} (these are: {})",
       folder_or_name, definitions.string(), task_names(definitions));
}

/// The folder that holds `train.jsonl`: DATA/NAME, or DATA itself, or the definition's own when no data is
/// given.
inline std::filesystem::path rows_folder(const std::filesystem::path& definition,
                                         const std::optional<std::filesystem::path>& data) {
  namespace fs = std::filesystem;
  if (!data) {
    require(fs::exists(definition / "train.jsonl"), "{}: no train.jsonl there; a data folder must be given",
            definition.string());
    return definition;
  }
  const fs::path named = *data / folder_name(definition / "task.toml");
  if (fs::exists(named / "train.jsonl")) return named;
  require(fs::exists(*data / "train.jsonl"), "no train.jsonl in {} nor in {}", named.string(),
          data->string());
  return *data;
}

/// Takes out the rows that have no candidates but their answer, and says so. Error when none is left.
inline void drop_answer_only(std::vector<Example>& rows, const Task& task, const std::filesystem::path& file,
                             std::vector<std::string>& notes) {
  const std::size_t all = rows.size();
  std::erase_if(rows, [](const Example& row) { return row.answer_only; });
  if (rows.size() == all) return;
  require(!rows.empty(), "{}: none of its {} rows has candidates (field '{}')", file.string(), all,
          task.candidates_field);
  notes.push_back(fmt::format("{}: {} of {} rows have no candidates (field '{}') and are left out",
                              file.string(), all - rows.size(), all, task.candidates_field));
}

}  // namespace detail

/// Every row of a JSON Lines file as an example of `task`. Errors: those of read_jsonl and Task::example.
inline std::vector<Example> examples(const Task& task, const std::filesystem::path& file) {
  std::vector<Example> result;
  for (const JsonLine& row : read_jsonl(file)) result.push_back(task.example(row));
  return result;
}

/// A task under one of its templates ("": the first), and its rows. `folder_or_name` is a folder with
/// `task.toml`, or the name of a folder in `definitions`; the rows are `train.jsonl` and `validation.jsonl`
/// in `data_folder`/NAME (or, failing that, in `data_folder`), or next to the `task.toml` when no data folder
/// is given. Rows without candidates are left out with a note; training rows only where the loss needs
/// candidates. Error when there is no such task (lists those there are), template or file, or no row is left.
inline TaskData load_task(const std::string& folder_or_name,
                          const std::optional<std::filesystem::path>& data_folder,
                          const std::filesystem::path& definitions, const std::string& template_name = "") {
  const std::filesystem::path definition = detail::definition_folder(folder_or_name, definitions);
  TaskData data{Task::load(definition / "task.toml", template_name), {}, {}};
  const std::filesystem::path rows = detail::rows_folder(definition, data_folder);
  data.train = examples(data.task, rows / "train.jsonl");
  data.validation = examples(data.task, rows / "validation.jsonl");
  if (data.task.loss == Loss::choices)
    detail::drop_answer_only(data.train, data.task, rows / "train.jsonl", data.notes);
  detail::drop_answer_only(data.validation, data.task, rows / "validation.jsonl", data.notes);
  return data;
}

}  // namespace zofo::data
