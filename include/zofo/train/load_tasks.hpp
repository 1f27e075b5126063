/// @file Loads the tasks of a run, or of an adaptation, from their files.
#pragma once

#include <cstddef>
#include <vector>

#include "zofo/config/run_options.hpp"
#include "zofo/data/task.hpp"
#include "zofo/train/input_paths.hpp"

namespace zofo::llm {

/// Limits prompts to their last `max_tokens` tokens (0: as the task defines).
void limit_prompts(data::Task& task, std::size_t max_tokens);

/// Cuts rows of free text to `max_length` tokens (0: as the task defines).
void limit_lengths(data::Task& task, std::size_t max_length);

/// Throws Error for a task with generated answers.
void require_choices(const data::Task& task);

/// The task as a run by these options uses it: its prompts are limited, and demonstrations and shots are
/// sampled from its training examples by the seed. Throws Error where the options do not fit the task.
data::TaskData prepared(data::TaskData data, const RunOptions& o);

/// Loads the tasks of a run. Throws Error naming the file and the field or line at fault.
std::vector<data::TaskData> load_tasks(const InputPaths& paths, const RunOptions& o);

/// Loads tasks to adapt to. Throws Error as load_tasks, and for a task with generated answers.
std::vector<data::TaskData> load_choice_tasks(const InputPaths& paths, std::size_t max_tokens);

}  // namespace zofo::llm
