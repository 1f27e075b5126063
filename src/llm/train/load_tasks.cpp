#include "zofo/train/load_tasks.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/data/shots.hpp"

namespace zofo::llm {

void limit_prompts(data::Task& task, std::size_t max_tokens) {
  if (max_tokens == 0) return;
  task.max_prompt_tokens =
      task.max_prompt_tokens == 0 ? max_tokens : std::min(task.max_prompt_tokens, max_tokens);
}

void limit_lengths(data::Task& task, std::size_t max_length) {
  if (max_length == 0) return;
  require(task.kind == data::Kind::text,
          "--max-length {}: task {} has no free text: --max-prompt-tokens limits prompts", max_length,
          task.name);
  task.max_length = task.max_length == 0 ? max_length : std::min(task.max_length, max_length);
}

void require_choices(const data::Task& task) {
  require(task.kind != data::Kind::generate,
          "task {}: the model generates its answers: meta-training needs answer choices", task.name);
}

data::TaskData prepared(data::TaskData data, const RunOptions& o) {
  if (o.command == Command::meta_train) require_choices(data.task);
  limit_prompts(data.task, o.max_prompt_tokens);
  limit_lengths(data.task, o.max_length);
  data::take_demonstrations(data, o.demonstrations, o.seed);
  data::take_shots(data, o.shots, o.seed);
  return data;
}

std::vector<data::TaskData> load_tasks(const InputPaths& paths, const RunOptions& o) {
  std::vector<data::TaskData> tasks;
  for (const std::string& name : paths.tasks)
    tasks.push_back(
        prepared(data::load_task(name, paths.data_folder(), paths.definitions, o.template_name), o));
  return tasks;
}

std::vector<data::TaskData> load_choice_tasks(const InputPaths& paths, std::size_t max_tokens) {
  std::vector<data::TaskData> tasks;
  for (const std::string& name : paths.tasks) {
    tasks.push_back(data::load_task(name, paths.data_folder(), paths.definitions));
    require_choices(tasks.back().task);
    require(tasks.back().task.kind != data::Kind::text,
            "task {}: free text has no answer choices, which adaptation needs", tasks.back().task.name);
    limit_prompts(tasks.back().task, max_tokens);
  }
  return tasks;
}

}  // namespace zofo::llm
