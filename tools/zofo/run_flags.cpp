// Models and tasks that a run folder names.
#include "run_flags.hpp"

#include <fmt/ranges.h>

#include <filesystem>
#include <system_error>

#include "zofo/data/demonstrations.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_info.hpp"
#include "zofo/train/load_tasks.hpp"

namespace zofo::cli {

void RunFlags::add(const Subcommand& command) {
  command.add("--run", run, "run folder of a fine-tuning; it names its model and holds its task").not_empty();
  command
      .add("--adapter", adapter,
           "folder of a LoRA, prefix or prompt adapter in peft's format; with --run instead of the run's")
      .not_empty();
}

void PromptFlags::add(const Subcommand& command) {
  command.add("--template", template_name, "prompt template of the task; default: its first");
  command
      .add("--max-prompt-tokens", max_prompt_tokens,
           "longer prompts keep their last tokens only; 0: as the task defines")
      .show_default();
  command
      .add("--demonstrations", demonstrations,
           "training examples with their answers in front of every prompt; more: longer prompts")
      .show_default();
  command.add("--seed", seed, "seed that samples and orders the demonstrations").show_default();
}

PromptFlags PromptFlags::under(const std::string& name) const {
  PromptFlags other = *this;
  other.template_name = name;
  return other;
}

std::string RunFlags::model_path(const std::string& model) const {
  if (!model.empty()) return model;
  require(!run.empty(), "--model: must be given, or --run, whose folder names its model");
  const std::string path = llm::read_run_info(run).model;
  std::error_code ignored;
  require(!path.empty() && std::filesystem::exists(path, ignored),
          "{}: the model that the run {} started with is not there: --model names another place", path, run);
  return path;
}

llm::Model RunFlags::load(const std::string& model) const {
  const std::string path = model_path(model);
  llm::Model loaded = llm::load_model(path);
  if (run.empty()) return loaded;
  const std::string difference = llm::model_difference(run, path, loaded.parameters);
  require(difference.empty() || !model.empty(), "{}; --model {} uses it all the same", difference, path);
  if (!difference.empty()) fmt::print(stderr, "zofo: warning: {}\n", difference);
  return loaded;
}

TaskChoice choose_task(const llm::InputPaths& paths, const std::string& run) {
  if (!paths.tasks.empty()) return {{paths.tasks.front(), paths.data_folder(), paths.definitions}, "", 0, {}};
  require(!run.empty(), "--task: must be given, or --run, whose folder holds its task");
  const llm::RunInfo info = llm::read_run_info(run);
  std::vector<std::string> names;
  for (const llm::RunInfoTask& task : info.tasks) names.push_back(task.name);
  require(names.size() == 1, "--task: must be given: the run {} has {} tasks: {}", run, names.size(),
          fmt::join(names, ", "));
  const llm::RunInfoTask& task = info.tasks.front();
  require(!task.folder.empty(), "--task: must be given: the run {} holds no copy of its task", run);
  llm::Hints ignored;
  const llm::RunOptions options = llm::read_options(run, &ignored);
  return {{(std::filesystem::path(run) / task.folder).string(), paths.data_folder(), ""},
          task.template_name,
          options.max_prompt_tokens,
          task.demonstrations};
}

data::TaskData TaskChoice::load(const PromptFlags& prompts, const std::string& split) const {
  const std::string& name = prompts.template_name.empty() ? template_name : prompts.template_name;
  data::TaskData data = data::load_task(place, {name, split, prompts.demonstrations > 0});
  llm::limit_prompts(data.task, max_prompt_tokens);
  llm::limit_prompts(data.task, prompts.max_prompt_tokens);
  if (prompts.demonstrations == 0)
    data.demonstrations = demonstrations;
  else
    data::take_demonstrations(data, prompts.demonstrations, prompts.seed);
  return data;
}

}  // namespace zofo::cli
