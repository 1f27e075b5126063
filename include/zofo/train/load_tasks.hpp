/// @file The tasks of a run, or of an adaptation, from their files.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/data/shots.hpp"
#include "zofo/data/task.hpp"
#include "zofo/train/input_paths.hpp"

namespace zofo::llm {

/// Keeps the last `most` tokens of longer prompts (0: as the task defines).
inline void limit_prompts(data::Task& task, std::size_t most) {
  if (most == 0) return;
  task.max_prompt_tokens = task.max_prompt_tokens == 0 ? most : std::min(task.max_prompt_tokens, most);
}

/// Throws Error where the model writes the task's answers.
inline void require_choices(const data::Task& task) {
  require(task.kind != data::Kind::generate,
          "task {}: the model writes its answers: meta-training needs options to choose from", task.name);
}

/// A task as a run by these options takes it: its prompts limited, demonstrations and shots taken from its
/// training rows by the seed. Throws Error where the options do not fit the task.
inline data::TaskData prepared(data::TaskData data, const RunOptions& o) {
  if (o.command == Command::meta_train) require_choices(data.task);
  limit_prompts(data.task, o.max_prompt_tokens);
  data::take_demonstrations(data, o.demonstrations, o.seed);
  data::take_shots(data, o.shots, o.seed);
  return data;
}

/// Loads the tasks of a run. Throws Error naming the file and the field or line at fault.
inline std::vector<data::TaskData> load_tasks(const InputPaths& paths, const RunOptions& o) {
  std::vector<data::TaskData> tasks;
  for (const std::string& name : paths.tasks)
    tasks.push_back(
        prepared(data::load_task(name, paths.data_folder(), paths.definitions, o.template_name), o));
  return tasks;
}

/// Loads tasks to adapt to, which are answered by choosing.
inline std::vector<data::TaskData> load_choice_tasks(const InputPaths& paths, std::size_t max_tokens) {
  std::vector<data::TaskData> tasks;
  for (const std::string& name : paths.tasks) {
    tasks.push_back(data::load_task(name, paths.data_folder(), paths.definitions));
    require_choices(tasks.back().task);
    limit_prompts(tasks.back().task, max_tokens);
  }
  return tasks;
}

}  // namespace zofo::llm
