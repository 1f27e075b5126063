// What the command `evaluate` does on a device.
#pragma once

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "served.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/lm/calibrate.hpp"
#include "zofo/lm/evaluate_task.hpp"
#include "zofo/train/memory_bounds.hpp"

namespace zofo::cli {

// `zofo evaluate`: a task's validation rows, under one of its templates or under all.
struct Evaluate {
  Place place;
  std::string run;
  std::size_t rows = 0;
  bool json = false;
  std::string template_name;
  bool all_templates = false;
  bool calibrate = false;
  std::size_t demonstrations = 0;
  std::uint64_t seed = 0;

  template <class Device>
  int on(Device& device) const {
    const std::vector<data::TaskData> tasks = load();
    Served<Device> served(device, place.model, run);
    std::vector<Encoded> encoded;
    for (const data::TaskData& data : tasks) encoded.push_back(encode(served, data));
    plan(device, served, encoded);
    if (calibrate)
      for (Encoded& each : encoded)
        llm::calibrate(*served.transformer, served.theta, served.adapter_or_null(), each.encoder, each.rows,
                        file);
    std::vector<llm::Scores> scores;
    for (const Encoded& each : encoded)
      scores.push_back(llm::evaluate_task(served.model, *served.transformer, served.theta,
                                           served.adapter_or_null(), std::span(each.rows), *each.task));
    if (all_templates)
      say_all(tasks, scores, device.peak_mib());
    else
      say(tasks.front().task, scores.front(), device.peak_mib());
    return 0;
  }

 private:
  static constexpr const char* file = "validation.jsonl";

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
    data::TaskData data = data::load_task(place.task, place.data_folder(), place.tasks, name);
    require(!calibrate || data.task.kind != data::Kind::generate,
            "--calibrate: task {} has nothing to choose from: the model writes", data.task.name);
    data::take_demonstrations(data, demonstrations, seed);
    return data;
  }

  // The rows of a task under one template.
  struct Encoded {
    const data::Task* task;
    llm::RowEncoder encoder;
    std::vector<llm::EncodedRow> rows;
  };
  template <class Device>
  [[nodiscard]] Encoded encode(const Served<Device>& served, const data::TaskData& data) const {
    const llm::RowEncoder encoder(served.model, data.task, llm::Purpose::scoring, data.demonstrations,
                                   served.taken());
    return {&data.task, encoder, llm::encode_rows(encoder, data.validation, rows, file)};
  }
  // Throws Error, before anything is computed, where the device has no room for what the rows need.
  template <class Device>
  static void plan(Device& device, const Served<Device>& served, std::span<const Encoded> all) {
    const model::Config& config = served.transformer->config();
    const peft::Adapters& layouts = served.transformer->adapters();
    const bool read = served.taken() > 0 && layouts.first() == peft::Kind::prompt;
    for (const Encoded& each : all) {
      llm::RowExtent extent;
      extent.cover(each.rows);
      llm::PassRows passes;
      passes.texts =
          llm::written_extent<typename Device::Backend>(config, served.taken(), each.rows, *each.task);
      device.expect(config, layouts.layout(layouts.first()), extent.after(served.taken(), read), passes,
                    false);
    }
  }

  // What the rows have a figure of; those that every choice task has come first.
  static nlohmann::json report(const data::Task& task, const llm::Scores& scores, double peak) {
    nlohmann::json out = {
        {"loss", scores.loss}, {"rows", scores.rows}, {"seconds", scores.seconds}, {"peak_mib", peak}};
    if (task.kind != data::Kind::generate) {
      out["accuracy"] = scores.accuracy;
      out["macro_f1"] = scores.macro_f1;
    }
    if (scores.answers) {
      out["exact_match"] = scores.answers->exact_match;
      out["f1"] = scores.answers->f1;
    }
    out[std::string(data::name_of(task.metric))] = llm::figure(scores, task.metric);
    return out;
  }

  void say(const data::Task& task, const llm::Scores& scores, double peak) const {
    if (json) return write_out("{}\n", report(task, scores, peak).dump());
    if (task.kind != data::Kind::generate)
      write_out("accuracy {:.4f}\nmacro-F1 {:.4f}\n", scores.accuracy, scores.macro_f1);
    if (task.metric == data::Metric::balanced_accuracy)
      write_out("balanced accuracy {:.4f}\n", scores.balanced_accuracy);
    if (scores.answers)
      write_out("exact match {:.4f}\nF1       {:.4f}\n", scores.answers->exact_match, scores.answers->f1);
    write_out("loss     {:.4f}\nrows     {}\n", scores.loss, scores.rows);
  }

  void say_all(const std::vector<data::TaskData>& tasks, const std::vector<llm::Scores>& scores,
               double peak) const {
    const data::Metric metric = tasks.front().task.metric;
    std::vector<double> figures;
    for (const llm::Scores& each : scores) figures.push_back(llm::figure(each, metric));
    const data::Spread spread = data::spread(figures);
    if (json) {
      nlohmann::json list = nlohmann::json::array();
      for (std::size_t i = 0; i < tasks.size(); ++i) {
        list.push_back(report(tasks[i].task, scores[i], peak));
        list.back()["template"] = tasks[i].task.template_name;
      }
      const nlohmann::json out = {{"templates", list},    {"metric", data::name_of(metric)},
                                  {"mean", spread.mean},  {"deviation", spread.deviation},
                                  {"lowest", spread.low}, {"highest", spread.high}};
      return write_out("{}\n", out.dump());
    }
    write_out("{:<16}{:>18}{:>9}\n", "template", data::name_of(metric), "loss");
    for (std::size_t i = 0; i < tasks.size(); ++i)
      write_out("{:<16}{:>18.4f}{:>9.4f}\n", tasks[i].task.template_name, figures[i], scores[i].loss);
    write_out("mean {:.4f}, standard deviation {:.4f}, range {:.4f} to {:.4f}, {} rows\n", spread.mean,
              spread.deviation, spread.low, spread.high, scores.front().rows);
  }
};

}  // namespace zofo::cli
