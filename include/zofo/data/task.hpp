/// @file A classification task: how a row becomes a prompt, its options and its label.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/template.hpp"

namespace zofo::data {

/// One row made ready for the model: the prompt, and which option is right.
struct Example {
  std::string prompt;
  int label = 0;         ///< index of the right option
  std::size_t line = 0;  ///< of the file, counted from 1
};

/// An example in tokens.
struct Encoded {
  std::vector<std::int32_t> prompt;
  int label = 0;
};

/// What a `task.toml` says.
struct Task {
  std::string name;
  Template prompt;
  std::vector<std::string> options;  ///< texts after the prompt, leading blank included
  std::string label_field;
  std::map<std::string, int> label_map;  ///< a label as text → index of its option
  std::size_t max_prompt_tokens = 0;     ///< longer prompts lose their front; 0: no limit

  /// Reads a `task.toml`. Error, naming file and key, for anything missing, of the wrong type, unknown, or
  /// against check().
  static Task load(const std::filesystem::path& file);

  /// Error unless there are two or more options, all different and none blank, every label leads to one of
  /// them and the prompt has a field. `where` heads the message.
  void check(std::string_view where) const;

  /// The option that the row's label names. Error for a label outside the map: file, line, value and the
  /// labels allowed.
  int label(const Row& row) const {
    const std::string text = row.text(label_field);
    const auto found = label_map.find(text);
    if (found != label_map.end()) return found->second;
    std::string allowed;
    for (const auto& entry : label_map) allowed += (allowed.empty() ? "'" : ", '") + entry.first + "'";
    fail("{}: label '{}' (field '{}'): must be one of {}", row.place(), text, label_field, allowed);
  }

  /// The row as an example. Error for a missing field, a label outside the map or a blank prompt.
  Example example(const Row& row) const {
    Example made{prompt.render(row), label(row), row.line};
    require(made.prompt.find_first_not_of(" \t\r\n") != std::string::npos, "{}: the prompt is blank",
            row.place());
    return made;
  }

  /// Drops tokens from the front of a prompt longer than max_prompt_tokens: the end holds the question.
  void shorten(std::vector<std::int32_t>& tokens) const {
    if (max_prompt_tokens == 0 || tokens.size() <= max_prompt_tokens) return;
    tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(max_prompt_tokens));
  }
};

/// A task with its rows.
struct TaskData {
  Task task;
  std::vector<Example> train, validation;
};

inline void Task::check(std::string_view where) const {
  require(!prompt.fields().empty(), "{}: prompt '{}': must have a {{field}}", where, prompt.text());
  require(options.size() >= 2, "{}: options: {} given, at least 2 needed", where, options.size());
  for (std::size_t i = 0; i < options.size(); ++i) {
    require(options[i].find_first_not_of(" \t\r\n") != std::string::npos,
            "{}: options[{}] = '{}': must not be blank", where, i, options[i]);
    const auto same = std::find(options.begin(), options.end(), options[i]) - options.begin();
    require(static_cast<std::size_t>(same) == i, "{}: options[{}] = '{}': the same as options[{}]", where, i,
            options[i], same);
  }
  require(!label_field.empty(), "{}: label_field: must not be empty", where);
  require(!label_map.empty(), "{}: label_map: must not be empty", where);
  for (const auto& [text, option] : label_map)
    require(option >= 0 && static_cast<std::size_t>(option) < options.size(),
            "{}: label_map.'{}' = {}: must be an index of options, in [0, {}]", where, text, option,
            options.size() - 1);
}

namespace detail {

/// A task.toml being read; every message starts with the file.
class TaskFile {
 public:
  explicit TaskFile(const std::filesystem::path& path) : file_(path.string()) {
    require(std::filesystem::is_regular_file(path), "{}: no such file", file_);
    try {
      table_ = toml::parse_file(file_);
    } catch (const toml::parse_error& error) {
      fail("{}:{}: {}", file_, error.source().begin.line, error.description());
    }
    for (const auto& entry : table_)
      require(std::find(keys.begin(), keys.end(), entry.first.str()) != keys.end(),
              "{}: unknown key '{}'; keys are {}", file_, entry.first.str(), fmt::join(keys, ", "));
  }

  bool has(std::string_view key) const { return table_.contains(key); }

  std::string string(std::string_view key) const {
    return value<std::string>(at(key), std::string(key), "a string");
  }

  std::size_t count(std::string_view key) const {
    const auto number = value<std::int64_t>(at(key), std::string(key), "an integer");
    require(number >= 0, "{}: {} = {}: must not be negative", file_, key, number);
    return static_cast<std::size_t>(number);
  }

  std::vector<std::string> strings(std::string_view key) const {
    const toml::array* array = at(key).as_array();
    require(array != nullptr, "{}: {}: must be a list of strings", file_, key);
    std::vector<std::string> result;
    for (const toml::node& item : *array)
      result.push_back(value<std::string>(item, fmt::format("{}[{}]", key, result.size()), "a string"));
    return result;
  }

  std::map<std::string, int> indices(std::string_view key) const {
    const toml::table* table = at(key).as_table();
    require(table != nullptr, "{}: {}: must be a table of label = option index", file_, key);
    std::map<std::string, int> result;
    for (const auto& [label, node] : *table) {
      const std::string name = fmt::format("{}.'{}'", key, label.str());
      const auto index = value<std::int64_t>(node, name, "an integer");
      require(index >= 0 && index < 1'000'000, "{}: {} = {}: must be an index of options", file_, name,
              index);
      result[std::string(label.str())] = static_cast<int>(index);
    }
    return result;
  }

 private:
  static constexpr std::array<std::string_view, 6> keys{"name",        "prompt",    "options",
                                                        "label_field", "label_map", "max_prompt_tokens"};

  const toml::node& at(std::string_view key) const {
    const toml::node* node = table_.get(key);
    require(node != nullptr, "{}: no key '{}'", file_, key);
    return *node;
  }

  template <class T>
  T value(const toml::node& node, const std::string& name, const char* kind) const {
    const auto found = node.value_exact<T>();
    require(found.has_value(), "{}:{}: {}: must be {}", file_, node.source().begin.line, name, kind);
    return *found;
  }

  std::string file_;
  toml::table table_;
};

/// The template of a task file; its error then names the file too.
inline Template parse_prompt(const std::string& text, const std::string& file) {
  try {
    return Template(text);
  } catch (const Error& error) {
    fail("{}: prompt: {}", file, error.what());
  }
}

/// The name of the folder that a file lies in, "." and ".." resolved.
inline std::string folder_name(const std::filesystem::path& file) {
  return std::filesystem::absolute(file).lexically_normal().parent_path().filename().string();
}

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

}  // namespace detail

inline Task Task::load(const std::filesystem::path& file) {
  const detail::TaskFile toml(file);
  Task task{.name = toml.has("name") ? toml.string("name") : detail::folder_name(file),
            .prompt = detail::parse_prompt(toml.string("prompt"), file.string()),
            .options = toml.strings("options"),
            .label_field = toml.string("label_field"),
            .label_map = toml.indices("label_map"),
            .max_prompt_tokens = toml.has("max_prompt_tokens") ? toml.count("max_prompt_tokens") : 0};
  task.check(file.string());
  return task;
}

/// Every row of a JSON Lines file as an example of `task`. Errors: those of read_jsonl and Task::example.
inline std::vector<Example> examples(const Task& task, const std::filesystem::path& file) {
  std::vector<Example> result;
  for (const Row& row : read_jsonl(file)) result.push_back(task.example(row));
  return result;
}

/// A task and its rows. `folder_or_name` is a folder with `task.toml`, or the name of a folder in
/// `definitions`; the rows are `train.jsonl` and `validation.jsonl` in `data_folder`/NAME (or, failing that,
/// in `data_folder`), or beside the `task.toml` when no data folder is given. Error when there is no such
/// task (lists those there are) or no such file.
inline TaskData load_task(const std::string& folder_or_name,
                          const std::optional<std::filesystem::path>& data_folder,
                          const std::filesystem::path& definitions) {
  const std::filesystem::path definition = detail::definition_folder(folder_or_name, definitions);
  Task task = Task::load(definition / "task.toml");
  const std::filesystem::path rows = detail::rows_folder(definition, data_folder);
  std::vector<Example> train = examples(task, rows / "train.jsonl");
  std::vector<Example> validation = examples(task, rows / "validation.jsonl");
  return {std::move(task), std::move(train), std::move(validation)};
}

}  // namespace zofo::data
