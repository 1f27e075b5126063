// What the command `evaluate` does on a device.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/data/metrics.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/evaluate_model.hpp"

namespace zofo::cli {

// `zofo evaluate`: a task's validation rows, under one of its templates or under all.
struct Evaluate {
  llm::InputPaths paths;
  std::string run;
  bool json = false;
  std::string template_name;
  bool all_templates = false;
  std::size_t demonstrations = 0;
  std::uint64_t seed = 0;
  llm::EvaluateOptions options;

  template <class Device>
  int on(Device& device) const {
    const std::vector<data::TaskData> tasks = load();
    llm::RunModel<Device> of(device, llm::load_model(paths.model), run);
    const std::vector<llm::Scores> scores = llm::evaluate(of, std::span(tasks), options);
    if (all_templates)
      print_all(tasks, scores, device.peak_mib());
    else
      print(tasks.front().task, scores.front(), device.peak_mib());
    return 0;
  }

 private:
  // The task under each template asked for.
  [[nodiscard]] std::vector<data::TaskData> load() const {
    require(!all_templates || template_name.empty(), "--template and --all-templates: only one can be given");
    std::vector<data::TaskData> tasks{load(template_name)};
    for (const std::string& note : tasks.front().notes) fmt::print(stderr, "zofo: {}\n", note);
    if (!all_templates) return tasks;
    const std::vector<std::string> names = tasks.front().task.template_names;
    for (const std::string& name : std::span(names).subspan(1)) tasks.push_back(load(name));
    return tasks;
  }
  [[nodiscard]] data::TaskData load(const std::string& name) const {
    data::TaskData data =
        data::load_task(paths.tasks.front(), paths.data_folder(), paths.definitions, name);
    llm::require_calibratable(data.task, options);
    data::take_demonstrations(data, demonstrations, seed);
    return data;
  }

  // Defined in evaluate.cpp.
  void print(const data::Task& task, const llm::Scores& scores, double peak) const;
  void print_all(const std::vector<data::TaskData>& tasks, const std::vector<llm::Scores>& scores,
                 double peak) const;
};

}  // namespace zofo::cli
