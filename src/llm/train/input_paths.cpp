#include "zofo/train/input_paths.hpp"

#include <nlohmann/json.hpp>
#include <system_error>

#include "zofo/core/error.hpp"

namespace zofo::llm {

void take_rows_as_task(InputPaths& paths) {
  std::error_code ignored;
  if (!paths.tasks.empty() || !std::filesystem::is_regular_file(paths.data, ignored)) return;
  paths.tasks = {paths.data};
  paths.data.clear();
}

nlohmann::json to_json(const InputPaths& paths) {
  const auto whole = [](const std::string& path) {
    std::error_code ignored;
    const bool exists = !path.empty() && std::filesystem::exists(path, ignored);
    return exists ? std::filesystem::absolute(path).string() : path;
  };
  nlohmann::json tasks = nlohmann::json::array();
  for (const std::string& task : paths.tasks) tasks.push_back(whole(task));
  return {{"model", whole(paths.model)},
          {"tasks", tasks},
          {"data", whole(paths.data)},
          {"definitions", whole(paths.definitions)}};
}

InputPaths input_paths_from(const nlohmann::json& saved) {
  InputPaths paths;
  try {
    paths.model = saved.at("model").get<std::string>();
    paths.data = saved.at("data").get<std::string>();
    const bool one = saved.contains("task");  // an older fine-tuning: `tasks` was the folder of definitions
    paths.definitions = saved.at(one ? "tasks" : "definitions").get<std::string>();
    if (one)
      paths.tasks = {saved.at("task").get<std::string>()};
    else
      paths.tasks = saved.at("tasks").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    fail("saved state: place: {}", error.what());
  }
  return paths;
}

}  // namespace zofo::llm
