#include "zofo/train/run_inputs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <system_error>

#include "zofo/config/renamed_options.hpp"
#include "zofo/core/error.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_info.hpp"
#include "zofo/train/load_tasks.hpp"

namespace zofo::llm {

std::string choose_model(const std::string& model, const std::string& run, std::string_view dashes) {
  if (!model.empty()) return model;
  require(!run.empty(), "{0}model: must be given, or {0}run, whose folder names its model", dashes);
  const std::string path = read_run_info(run).model;
  std::error_code ignored;
  require(!path.empty() && std::filesystem::exists(path, ignored),
          "{}: the model that the run {} started with is not there: {}model names another place", path, run,
          dashes);
  return path;
}

bool reads_special(const std::string& run) {
  Hints ignored;
  std::error_code error;
  // What else a folder without options lacks is named where the run is read.
  if (run.empty() || !std::filesystem::exists(std::filesystem::path(run) / "options.toml", error))
    return false;
  return read_options(run, &ignored).special;
}

Model load_chosen_model(const std::string& model, const std::string& run,
                        const std::function<void(const std::string&)>& warn, bool special,
                        std::string_view dashes) {
  const std::string path = choose_model(model, run, dashes);
  Model loaded = load_model(path);
  loaded.tokenizer = loaded.tokenizer.with_special(special || reads_special(run));
  if (run.empty()) return loaded;
  const std::string difference = model_difference(run, path, loaded.parameters);
  require(difference.empty() || !model.empty(), "{}; {}model {} uses it all the same", difference, dashes,
          path);
  if (!difference.empty()) warn(difference);
  return loaded;
}

TaskChoice choose_task(const InputPaths& paths, const std::string& run, std::string_view dashes) {
  if (!paths.tasks.empty()) return {{paths.tasks.front(), paths.data_folder(), paths.definitions}};
  require(!run.empty(), "{0}task: must be given, or {0}run, whose folder holds its task", dashes);
  const RunInfo info = read_run_info(run);
  std::vector<std::string> names;
  for (const RunInfoTask& task : info.tasks) names.push_back(task.name);
  require(names.size() == 1, "{}task: must be given: the run {} has {} tasks: {}", dashes, run, names.size(),
          fmt::join(names, ", "));
  const RunInfoTask& task = info.tasks.front();
  require(!task.folder.empty(), "{}task: must be given: the run {} holds no copy of its task", dashes, run);
  Hints ignored;
  const RunOptions options = read_options(run, &ignored);
  return {{(std::filesystem::path(run) / task.folder).string(), paths.data_folder(), ""},
          task.template_name,
          options.max_prompt_tokens,
          task.demonstrations,
          options.max_length};
}

data::TaskData TaskChoice::load(const std::string& name, const std::string& split, std::size_t max_tokens,
                                std::size_t count, std::uint64_t seed) const {
  data::TaskData data = data::load_task(place, {name.empty() ? template_name : name, split, count > 0});
  limit_prompts(data.task, max_prompt_tokens);
  limit_prompts(data.task, max_tokens);
  limit_lengths(data.task, max_length);
  if (count == 0)
    data.demonstrations = demonstrations;
  else
    data::take_demonstrations(data, count, seed);
  return data;
}

}  // namespace zofo::llm
