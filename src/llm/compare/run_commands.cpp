#include "zofo/compare/run_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <ios>
#include <string_view>
#include <system_error>

#include "zofo/config/enum_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}
/// Settings as flags, e.g. "--seed=3".
std::vector<std::string> as_flags(const std::vector<Setting>& settings) {
  std::vector<std::string> out;
  for (const Setting& setting : settings) {
    std::string name = setting.option;
    std::ranges::replace(name, '_', '-');
    out.push_back("--" + name + "=" + setting.value);
  }
  return out;
}
std::vector<std::string> input_flags(const Plan& plan, std::size_t task) {
  std::vector<std::string> out{"--model", plan.model, "--task", plan.tasks[task].place};
  if (!plan.definitions.empty()) append(out, {"--tasks", plan.definitions});
  if (!plan.data.empty()) append(out, {"--data", plan.data});
  return out;
}

}  // namespace

std::vector<std::string> evaluation_arguments(const Plan& plan, std::size_t task) {
  std::vector<std::string> out{"evaluate", "--json"};
  append(out, input_flags(plan, task));
  append(out, {"--device", std::string(llm::to_text(plan.device)), "--max-eval-samples",
               fmt::format("{}", plan.rows), "--seed", fmt::format("{}", plan.seeds.front())});
  append(out, as_flags(shared_by_evaluation(plan)));
  return out;
}

std::vector<std::string> training_arguments(const Plan& plan, const Cell& cell,
                                            const std::filesystem::path& run) {
  if (std::filesystem::exists(run / "state.bin")) return {"finetune", "--json", "--resume", run.string()};
  std::error_code error;
  std::filesystem::remove_all(run, error);
  require(!error, "{}: cannot be removed: {}", run.string(), error.message());
  const Arm& arm = plan.arms[cell.arm];
  std::vector<std::string> out{"finetune",   "--json",   "--out",
                               run.string(), "--method", std::string(llm::to_text(arm.method))};
  append(out, input_flags(plan, cell.task));
  append(out, as_flags(arm.settings));
  append(out, as_flags(plan.settings_of(cell.seed)));
  return out;
}

std::string last_line(const std::filesystem::path& log) {
  constexpr std::streamoff most = 1 << 16;
  std::ifstream in(log, std::ios::binary);
  in.seekg(0, std::ios::end);
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - most));
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) last = line;
  constexpr std::string_view heading = "zofo: error: ";
  if (last.starts_with(heading)) last.erase(0, heading.size());
  std::ranges::replace_if(
      last, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return last;
}

}  // namespace zofo::compare
