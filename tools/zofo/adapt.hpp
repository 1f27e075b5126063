// Adapting a model, or a meta-trained run, to new tasks on a device.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/data/metrics.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/adapt_tasks.hpp"
#include "zofo/train/load_tasks.hpp"

namespace zofo::cli {

// What `zofo adapt` does once its arguments are read.
struct Adapt {
  llm::InputPaths paths;
  llm::AdaptRequest request;
  bool json = false;
  std::size_t max_tokens = 0;

  template <class Device>
  int on(Device& device) const {
    request.check(paths.tasks.size());
    const std::vector<data::TaskData> tasks = llm::load_choice_tasks(paths, max_tokens);
    for (const data::TaskData& task : tasks)
      for (const std::string& note : task.notes) fmt::print(stderr, "zofo: {}\n", note);
    llm::Model model = llm::load_model(paths.model);
    llm::adapt(device, model, std::span(tasks), request,
               [this](const data::TaskData& task, llm::Count count, const std::string& start,
                      const std::vector<llm::FewShotResult>& draws) { print(task.task, count, start, draws); });
    return 0;
  }

 private:
  void print(const data::Task& task, llm::Count count, const std::string& start,
             const std::vector<llm::FewShotResult>& draws) const {
    std::vector<double> figures;
    for (const llm::FewShotResult& draw : draws) {
      figures.push_back(draw.scores.balanced_accuracy);
      if (json)
        write_out("{}\n", nlohmann::json{{"task", task.name},
                                         {count.each ? "shots" : "examples", count.number},
                                         {"start", start},
                                         {"seed", draw.seed},
                                         {"training_rows", draw.examples},
                                         {"training_loss", draw.training_loss},
                                         {"accuracy", draw.scores.accuracy},
                                         {"balanced_accuracy", draw.scores.balanced_accuracy},
                                         {"macro_f1", draw.scores.macro_f1},
                                         {"loss", draw.scores.loss},
                                         {"rows", draw.scores.examples}}
                              .dump());
    }
    if (json) return flush_output();
    const data::Summary summary = data::summary(figures);
    write_out("{}, {} {}, start {}: balanced accuracy {:.3f} ± {:.3f} (standard error, {} draws), {} rows\n",
              task.name, count.number, count.each ? "shots a class" : "examples", start, summary.mean,
              summary.standard_deviation / std::sqrt(static_cast<double>(draws.size())), draws.size(),
              draws.front().scores.examples);
  }
};

}  // namespace zofo::cli
