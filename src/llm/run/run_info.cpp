#include "zofo/run/run_info.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <system_error>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/run/fingerprint.hpp"

namespace zofo::llm {

namespace {

// The command as run.json has it.
nlohmann::json command_of(const Provenance& provenance) {
  std::error_code ignored;  // a folder that was removed has no path
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return {{"arguments", provenance.command_line},
          {"folder", std::filesystem::current_path(ignored).string()},
          {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now))},
          {"version", ZOFO_VERSION_STRING},
          {"machine", nlohmann::json::parse(provenance.machine)}};
}

std::string dumped(const nlohmann::json& fields) { return parse::json_text(fields, 2) + "\n"; }

nlohmann::json to_json(const RunInfoTask& task) {
  return {{"name", task.name},
          {"folder", task.folder},
          {"template", task.template_name},
          {"kind", task.kind},
          {"prompt", task.prompt},
          {"choices", task.choices},
          {"demonstrations", task.demonstrations}};
}

std::vector<std::string> strings(const checkpoint::JsonFields& file, std::string_view field) {
  std::vector<std::string> list;
  if (!file.at(field).is_array()) file.refuse(field, "a list");
  for (const nlohmann::json& each : file.at(field)) {
    if (!each.is_string()) file.refuse(field, "a list of strings");
    list.push_back(each.get<std::string>());
  }
  return list;
}

// The file names a folder inside the run's own.
std::string inner_folder(const checkpoint::JsonFields& file, std::string_view field) {
  const std::filesystem::path path(file.string(field));
  bool inside = !path.is_absolute();
  for (const std::filesystem::path& part : path) inside = inside && part != "..";
  if (!inside) file.refuse(field, "a folder inside the run's folder");
  return path.string();
}

}  // namespace

void write_run_info(const RunFolder& folder, const RunInfo& info, const Provenance& provenance,
                    const nlohmann::json& more) {
  nlohmann::json tasks = nlohmann::json::array();
  for (const RunInfoTask& task : info.tasks) tasks.push_back(to_json(task));
  nlohmann::json fields = {{"model", {{"path", info.model}, {"hash", info.model_hash}}},
                           {"tasks", tasks},
                           {"commands", nlohmann::json::array({command_of(provenance)})}};
  fields.update(more);
  folder.write(RunInfo::file, dumped(fields));
}

void add_resumption(const RunFolder& folder, const Provenance& provenance) {
  if (!has_run_info(folder.path())) return;
  const auto file = checkpoint::JsonFields::load(folder.file(RunInfo::file));
  if (!file.at("commands").is_array()) file.refuse("commands", "a list");
  nlohmann::json fields = file.object();
  fields["commands"].push_back(command_of(provenance));
  folder.write(RunInfo::file, dumped(fields));
}

bool has_run_info(const std::filesystem::path& run) {
  std::error_code ignored;
  return std::filesystem::exists(run / RunInfo::file, ignored);
}

RunInfo read_run_info(const std::filesystem::path& run) {
  std::error_code ignored;
  require(std::filesystem::is_directory(run, ignored), "{}: no such run folder", run.string());
  require(
      has_run_info(run),
      "{}: no such file: the run is of an earlier release, so that --model must name its model, and --task "
      "its task",
      (run / RunInfo::file).string());
  const auto file = checkpoint::JsonFields::load(run / RunInfo::file);
  const auto model = file.fields("model");
  RunInfo info{model.string("path"), model.string("hash")};
  if (!file.at("tasks").is_array()) file.refuse("tasks", "a list");
  for (const nlohmann::json& each : file.at("tasks")) {
    const checkpoint::JsonFields task(each, file.location() + ": tasks");
    info.tasks.push_back({task.string("name"), inner_folder(task, "folder"), task.string("template"),
                          task.string("kind"), task.string("prompt"), strings(task, "choices"),
                          strings(task, "demonstrations")});
  }
  return info;
}

std::string model_difference(const std::filesystem::path& run, const std::string& model,
                             const model::Parameters& theta) {
  if (!has_run_info(run)) return "";
  const std::string wanted = read_run_info(run).model_hash, found = hash_of_model(theta);
  if (wanted == found) return "";
  return fmt::format("{}: its weights are not those that the run {} started with (hash {}, the run's {})",
                     model, run.string(), found, wanted);
}

}  // namespace zofo::llm
