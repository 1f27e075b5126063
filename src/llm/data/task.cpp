#include "zofo/data/task.hpp"

#include <algorithm>
#include <system_error>

#include "task_folder.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/jsonl.hpp"

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
  fail("task '{}': neither a folder with a task.toml nor a task defined in {} (these are: {})",
       folder_or_name, definitions.string(), task_names(definitions));
}

// The folder that holds `train.jsonl`: DATA/NAME, or DATA itself, or the definition's without a data folder.
std::filesystem::path examples_folder(const std::filesystem::path& definition,
                                      const std::optional<std::filesystem::path>& data) {
  namespace fs = std::filesystem;
  if (!data) {
    require(fs::exists(definition / "train.jsonl"), "{}: has no train.jsonl; a data folder must be given",
            definition.string());
    return definition;
  }
  const fs::path named = *data / detail::folder_name(definition / "task.toml");
  if (fs::exists(named / "train.jsonl")) return named;
  require(fs::exists(*data / "train.jsonl"), "no train.jsonl in {} nor in {}", named.string(),
          data->string());
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
  for (const JsonLine& line : read_jsonl(file)) result.push_back(task.example(line));
  return result;
}

TaskData load_task(const std::string& folder_or_name, const std::optional<std::filesystem::path>& data_folder,
                   const std::filesystem::path& definitions, const std::string& template_name,
                   const std::string& held_out) {
  const std::filesystem::path definition = definition_folder(folder_or_name, definitions);
  TaskData data{Task::load(definition / "task.toml", template_name), {}, {}};
  const std::filesystem::path folder = examples_folder(definition, data_folder);
  data.train = examples(data.task, folder / "train.jsonl");
  data.held_out = held_out;
  data.validation = examples(data.task, folder / held_out);
  if (data.task.two_blanks)
    data.notes.push_back(
        fmt::format("{}: the prompt ends in a blank and an answer choice starts with one, so that "
                    "two follow each other: remove one of them",
                    (definition / "task.toml").string()));
  if (data.task.loss == Loss::choices)
    remove_answer_only(data.train, data.task, folder / "train.jsonl", data.notes);
  remove_answer_only(data.validation, data.task, folder / held_out, data.notes);
  return data;
}

}  // namespace zofo::data
