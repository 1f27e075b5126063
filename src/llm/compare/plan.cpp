#include "zofo/compare/plan.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "zofo/config/enum_text.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/run_options.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

namespace {

/// Options that the plan sets for all runs, so that an arm cannot set them.
constexpr std::array<std::string_view, 7> plan_options{
    "method", "seed", "max_seconds", "max_forward_passes", "epochs", "device", "max_eval_samples"};

/// Throws Error unless a text is a valid name of a folder.
void check_name(const char* field, std::string_view name) {
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F && c != '/';
  });
  require(!name.empty() && name.size() <= 100 && name.front() != '.' && printable,
          "{} '{}': must be 1 to 100 printable characters without '/', the first not a dot", field, name);
}

template <class T>
void check_distinct(const char* field, const std::vector<T>& values) {
  require(!values.empty(), "{}: none given: at least one is required", field);
  std::set<T> seen;
  for (const T& value : values) require(seen.insert(value).second, "{}: {} is given twice", field, value);
}

void check_arm(const Plan& plan, Arm& arm) {
  check_name("methods: label", arm.label);
  require(arm.label != zero_shot, "methods: label '{}': is reserved for the untrained model", arm.label);
  llm::RunOptions options = llm::preset(arm.method);
  for (Setting& setting : arm.settings) {
    require(std::find(plan_options.begin(), plan_options.end(), setting.option) == plan_options.end(),
            "set {}.{}: is the same for all runs of a comparison (--seeds, --max-seconds, "
            "--max-forward-passes, --epochs, --device, --max-eval-samples)",
            arm.label, setting.option);
    try {
      apply(setting, options);
    } catch (const Error& error) {
      fail("set {}.{}", arm.label, error.what());
    }
  }
  for (Setting setting : plan.settings_of(plan.seeds.front())) apply(setting, options);
  try {
    options.check();
  } catch (const Error& error) {
    fail("methods: {}: {}", arm.label, error.what());
  }
}

}  // namespace

void Plan::check() {
  std::vector<std::string> names, labels;
  for (const TaskPlan& task : tasks) names.push_back(task.name);
  for (const Arm& arm : arms) labels.push_back(arm.label);
  check_distinct("tasks", names);
  check_distinct("methods", labels);
  check_distinct("seeds", seeds);
  for (const std::string& name : names) check_name("tasks:", name);
  for (const std::uint64_t seed : seeds)
    require(seed <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
            "seeds: {}: must be below 2^63", seed);
  require_in("max_seconds", seconds, 0.0, 1e9);
  require_in("max_forward_passes", passes, 0.0, 1e15);
  require_in("epochs", epochs, 0.0, 1e6);
  const int budgets = (seconds > 0.0 ? 1 : 0) + (passes > 0.0 ? 1 : 0) + (epochs > 0.0 ? 1 : 0);
  require(budgets == 1,
          "max_seconds = {}, max_forward_passes = {} and epochs = {}: one budget must be positive, and the "
          "others omitted, for example --max-seconds 150 or --epochs {}",
          seconds, passes, epochs, llm::default_epochs);
  require(threads >= 1 && threads <= 4096, "threads = {}: must be in [1, 4096]", threads);
  for (Arm& arm : arms) check_arm(*this, arm);
}

std::vector<Cell> Plan::cells() const {
  std::vector<Cell> out;
  for (std::size_t task = 0; task < tasks.size(); ++task)
    for (const std::uint64_t seed : seeds)
      for (std::size_t arm = 0; arm < arms.size(); ++arm) out.push_back({task, arm, seed});
  return out;
}

std::vector<Setting> Plan::settings_of(std::uint64_t seed) const {
  std::vector<Setting> out{{"seed", fmt::format("{}", seed)}, {"device", std::string(llm::to_text(device))}};
  if (seconds > 0.0) out.push_back({"max_seconds", fmt::format("{}", seconds)});
  if (passes > 0.0) out.push_back({"max_forward_passes", fmt::format("{}", passes)});
  if (epochs > 0.0) out.push_back({"epochs", fmt::format("{}", epochs)});
  if (rows > 0) out.push_back({"max_eval_samples", fmt::format("{}", rows)});
  return out;
}

std::vector<Setting> shared_by_evaluation(const Plan& plan) {
  std::vector<Setting> out;
  for (const Setting& setting : plan.arms.front().settings) {
    if (setting.option != "precision" && setting.option != "template" && setting.option != "demonstrations")
      continue;
    const auto agrees = [&](const Arm& arm) {
      return std::any_of(arm.settings.begin(), arm.settings.end(), [&](const Setting& each) {
        return each.option == setting.option && each.value == setting.value;
      });
    };
    if (std::all_of(plan.arms.begin(), plan.arms.end(), agrees)) out.push_back(setting);
  }
  return out;
}

}  // namespace zofo::compare
