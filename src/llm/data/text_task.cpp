#include <string>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/split_rows.hpp"
#include "zofo/data/task.hpp"
#include "zofo/data/text_rows.hpp"

namespace zofo::data {

TaskData text_task(const std::filesystem::path& file, const TaskParts& parts) {
  require(parts.template_name.empty() || parts.template_name == "default",
          "{}: template '{}': rows of free text have no prompt templates", file.string(),
          parts.template_name);
  TaskData data{text_definition(file.stem().string()), {}, {}};
  data.train_file = data.held_out = file.string();
  std::vector<Example> rows = examples(data.task, file);
  if (!parts.train) {
    data.validation = std::move(rows);
    return data;
  }
  if (parts.held_out.empty()) {
    data.train = std::move(rows);
    return data;
  }
  const std::vector<std::string> one_class(rows.size());
  const SplitRows split = split_rows(one_class, false, 0);
  require(!split.validation.empty(),
          "{}: {} rows: at least 3 are needed, of which one is held out for the scores", file.string(),
          rows.size());
  for (const std::size_t i : split.train) data.train.push_back(std::move(rows[i]));
  for (const std::size_t i : split.validation) data.validation.push_back(std::move(rows[i]));
  data.notes.push_back(
      fmt::format("{}: {} of {} rows are held out for the scores; `zofo task init` splits a file into "
                  "a task folder",
                  file.string(), split.validation.size(), rows.size()));
  return data;
}

}  // namespace zofo::data
