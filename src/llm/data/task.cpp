#include "zofo/data/task.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <utility>

#include "task_folder.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/row_table.hpp"

namespace zofo::data {

namespace {

// The names of the tasks defined in a folder, for messages.
std::string task_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;  // a folder that does not exist has no tasks
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (std::filesystem::exists(entry.path() / "task.toml"))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

// The folder that holds `task.toml`: the given one, or that of a definition.
std::filesystem::path definition_folder(const std::string& folder_or_name,
                                        const std::filesystem::path& definitions) {
  namespace fs = std::filesystem;
  if (fs::exists(fs::path(folder_or_name) / "task.toml")) return folder_or_name;
  const bool is_name = !folder_or_name.empty() && folder_or_name.find_first_of("/\\") == std::string::npos &&
                       folder_or_name.front() != '.';
  if (is_name && fs::exists(definitions / folder_or_name / "task.toml")) return definitions / folder_or_name;
  fail(
      "task '{}': neither a folder with a task.toml nor a task defined in {} (these are: {}) nor a file of "
      "rows",
      folder_or_name, definitions.string(), task_names(definitions));
}

// Endings of the examples' files, in the order in which they are looked for.
constexpr std::array<std::string_view, 3> endings{".jsonl", ".csv", ".tsv"};

// The names of the files that a split has in a folder.
std::vector<std::string> files_of(const std::filesystem::path& folder, std::string_view split) {
  std::vector<std::string> names;
  for (const std::string_view ending : endings) {
    std::string name = fmt::format("{}{}", split, ending);
    if (std::filesystem::exists(folder / name)) names.push_back(std::move(name));
  }
  return names;
}

// The file of a split. Adds a note if there are several. Throws Error if there is none.
std::string file_of(const std::filesystem::path& folder, std::string_view split,
                    std::vector<std::string>& notes) {
  std::vector<std::string> names = files_of(folder, split);
  require(!names.empty(), "{}.jsonl: no such file, nor {}.csv or {}.tsv", (folder / split).string(), split,
          split);
  if (names.size() > 1)
    notes.push_back(fmt::format("{}: {} is read, not {}", folder.string(), names[0], names[1]));
  return std::move(names.front());
}

// The folder that holds the files of the splits: DATA/NAME, or DATA itself, or the definition's without a
// data folder.
std::filesystem::path examples_folder(const std::filesystem::path& definition,
                                      const std::optional<std::filesystem::path>& data,
                                      std::string_view split) {
  namespace fs = std::filesystem;
  const auto has = [split](const fs::path& folder) { return !files_of(folder, split).empty(); };
  if (!data) {
    require(has(definition), "{}: has no {}.jsonl, {}.csv or {}.tsv{}", definition.string(), split, split,
            split, split == train_split ? "; a data folder must be given" : "");
    return definition;
  }
  const fs::path named = *data / detail::folder_name(definition / "task.toml");
  if (has(named)) return named;
  require(has(*data), "no {}.jsonl in {} nor in {} (nor {}.csv or {}.tsv)", split, named.string(),
          data->string(), split, split);
  return *data;
}

// Removes the examples that have no candidates except their answer, and adds a note. Throws Error when none
// remains.
void remove_answer_only(std::vector<Example>& examples, const Task& task, const std::filesystem::path& file,
                        std::vector<std::string>& notes) {
  const std::size_t all = examples.size();
  std::erase_if(examples, [](const Example& example) { return example.answer_only; });
  if (examples.size() == all) return;
  require(!examples.empty(), "{}: none of its {} examples has candidates (field '{}')", file.string(), all,
          task.candidates_field);
  notes.push_back(fmt::format("{}: {} of {} examples have no candidates (field '{}') and are left out",
                              file.string(), all - examples.size(), all, task.candidates_field));
}

}  // namespace

std::vector<Example> examples(const Task& task, const std::filesystem::path& file) {
  std::vector<Example> result;
  for (const JsonLine& line : read_row_lines(file)) result.push_back(task.example(line));
  return result;
}

TaskData load_task(const TaskPlace& place, const TaskParts& parts) {
  if (std::filesystem::is_regular_file(place.task)) {
    require(!place.data, "task {}: a file of rows takes no data folder", place.task);
    return text_task(place.task, parts);
  }
  const std::filesystem::path definition = definition_folder(place.task, place.definitions);
  TaskData data{Task::load(definition / "task.toml", parts.template_name), {}, {}};
  data.definition = definition / "task.toml";
  if (data.task.two_blanks)
    data.notes.push_back(
        fmt::format("{}: the prompt ends in a blank and an answer choice starts with one, so that "
                    "two follow each other: remove one of them",
                    (definition / "task.toml").string()));
  if (!parts.train && parts.held_out.empty()) return data;
  const std::filesystem::path folder =
      examples_folder(definition, place.data, parts.train ? train_split : parts.held_out);
  if (parts.train) {
    data.train_file = file_of(folder, train_split, data.notes);
    data.train = examples(data.task, folder / data.train_file);
    if (data.task.loss == Loss::choices)
      remove_answer_only(data.train, data.task, folder / data.train_file, data.notes);
  }
  if (!parts.held_out.empty()) {
    data.held_out = file_of(folder, parts.held_out, data.notes);
    data.validation = examples(data.task, folder / data.held_out);
    remove_answer_only(data.validation, data.task, folder / data.held_out, data.notes);
  }
  for (const char* split : {validation_split, test_split})
    for (const std::string& name : files_of(folder, split)) {
      data.held_out_files.push_back(folder / name);
      break;  // the one that is read
    }
  return data;
}

std::filesystem::path split_file(const TaskPlace& place, const std::string& split) {
  const std::filesystem::path folder =
      examples_folder(definition_folder(place.task, place.definitions), place.data, split);
  return folder / files_of(folder, split).front();
}

TaskData load_task(const std::string& folder_or_name, const std::optional<std::filesystem::path>& data_folder,
                   const std::filesystem::path& definitions, const std::string& template_name,
                   const std::string& held_out) {
  return load_task({folder_or_name, data_folder, definitions}, {template_name, held_out, true});
}

}  // namespace zofo::data
