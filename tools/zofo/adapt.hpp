// Adapting a model, or a meta-trained run, to new tasks on a device.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "zofo/checkpoint/atomic_folder.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/meta_run.hpp"
#include "zofo/train/few_shot_adaptation.hpp"

namespace zofo::cli {

// What `zofo adapt` does once its arguments are read: every task, number of examples and start named.
struct Adapt {
  std::string model, run, data, definitions = ZOFO_SOURCE_DIR "/tasks", out;
  std::vector<std::string> tasks;
  std::vector<std::size_t> shots, examples;
  std::vector<std::string> starts{"zero"};
  bool in_context = false;
  bool json = false;
  std::size_t validation_rows = 500, max_tokens = 0;
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16.0;
  std::string lora_targets = "q,v";
  llm::AdaptOptions options;
  std::string device = "auto", precision = "auto";

  void check() const {
    options.check();
    require(!shots.empty() || !examples.empty(), "--shots or --examples: one must be given");
    for (const std::string& start : starts)
      require(start == "zero" || !run.empty(), "--start {}: --run must name a meta-trained run", start);
    if (out.empty()) return;
    require(!in_context, "--out: in-context learning trains no adapter to write");
    require(
        tasks.size() == 1 && shots.size() + examples.size() == 1 && starts.size() == 1 && options.draws == 1,
        "--out: takes the adapter of one task, number of examples, start and draw; several are named");
    std::error_code ignored;
    require(!std::filesystem::exists(out, ignored), "{}: already exists: name a new folder", out);
  }

  template <class Device>
  int on(Device& on_device) const {
    std::vector<std::unique_ptr<data::TaskData>> list = load_tasks();
    llm::Model loaded = llm::load_model(model);
    std::optional<llm::MetaRun> described;
    if (!run.empty()) {
      described = llm::read_meta_run(run);
      described->check_backbone(run, loaded.parameters);
      for (const auto& task : list) described->check_words(run, task->task.name, task->task.options);
      llm::merge_run(run, *described, loaded.parameters);
    }
    const std::vector<Start> from = read_starts(described, loaded.parameters.config());
    typename Device::Backend::Theta& theta = on_device.place(loaded.parameters);
    if (described) llm::replay_run(*described, llm::trajectory_of(run), theta);
    const peft::Lora& lora = from.front().lora;
    model::BasicTransformer<typename Device::Backend> transformer(on_device.backend(),
                                                                  loaded.parameters.config(), lora);
    for (const auto& task : list) {
      for (const std::string& note : task->notes) fmt::print(stderr, "zofo: {}\n", note);
      llm::Adaptation<Device> adaptation(on_device, loaded, transformer, theta, *task, validation_rows);
      for (const llm::Count count : counts()) {
        if (in_context) {
          say(task->task, count, "in-context", adaptation.in_context(count, options));
          continue;
        }
        for (const Start& start : from) {
          const auto draws = adaptation.fit(lora, start.values, count, options);
          if (!out.empty()) write(loaded.parameters.config(), lora, draws.front().adapter, described);
          say(task->task, count, start.name, draws);
        }
      }
    }
    return 0;
  }

 private:
  struct Start {
    std::string name;
    peft::Lora lora;
    Eigen::VectorXf values;  // none: each draw has a start of its own
  };

  [[nodiscard]] std::vector<std::unique_ptr<data::TaskData>> load_tasks() const {
    std::vector<std::unique_ptr<data::TaskData>> list;
    for (const std::string& name : tasks) {
      auto task =
          llm::load_meta_task(name, data.empty() ? std::nullopt : std::optional<std::filesystem::path>(data),
                               definitions, max_tokens);
      for (const auto& other : list)
        require(other->task.name != task->task.name, "tasks: '{}' is named twice", task->task.name);
      // What a draw could not be made of is told before anything is computed.
      for (const llm::Count count : counts()) llm::draw_examples(*task, count, options.seed);
      list.push_back(std::move(task));
    }
    return list;
  }
  [[nodiscard]] std::vector<llm::Count> counts() const {
    std::vector<llm::Count> list;
    for (const std::size_t number : examples) list.push_back({number, false});
    for (const std::size_t number : shots) list.push_back({number, true});
    return list;
  }
  [[nodiscard]] std::vector<Start> read_starts(const std::optional<llm::MetaRun>& described,
                                               const model::Config& config) const {
    std::vector<Start> list;
    for (const std::string& name : starts) {
      if (name == "zero") {
        list.push_back({name, llm::meta_lora(config, lora_rank, lora_alpha, lora_targets), {}});
        continue;
      }
      peft::PeftLora read = name == "mean" ? llm::mean_adapter(run, *described, config)
                                           : read_adapter(name, *described, config);
      list.push_back({name, std::move(read.lora), std::move(read.values)});
    }
    for (const Start& start : list)
      require(start.lora.options().targets == list.front().lora.options().targets &&
                  start.lora.rank() == list.front().lora.rank() &&
                  start.lora.scale() == list.front().lora.scale(),
              "--start {}: its rank, scale or projections are not those of --start {} (--lora-rank, "
              "--lora-alpha and --lora-targets are those of zero)",
              start.name, list.front().name);
    return list;
  }
  [[nodiscard]] peft::PeftLora read_adapter(const std::string& name, const llm::MetaRun& described,
                                            const model::Config& config) const {
    const std::vector<std::string> names = described.adapter_names();
    require(std::ranges::find(names, name) != names.end(),
            "--start {}: must be zero, mean or the name of an adapter of {} ({})", name, run,
            names.empty() ? "it has none" : fmt::format("{}", fmt::join(names, ", ")));
    return peft::read_peft_lora(std::filesystem::path(run) / llm::MetaRun::adapter_folder(name), config);
  }

  void write(const model::Config& config, const peft::Lora& lora, const Eigen::VectorXf& values,
             const std::optional<llm::MetaRun>& described) const {
    checkpoint::AtomicFolder folder(out);
    const bool moved = described && (described->merged || !llm::trajectory_of(run).empty());
    peft::write_peft_lora(folder.part(), config, lora,
                          std::span(values.data(), static_cast<std::size_t>(values.size())),
                          moved ? run : model);
    folder.commit();
  }

  template <class Draw>
  void say(const data::Task& task, llm::Count count, const std::string& start,
           const std::vector<Draw>& draws) const {
    std::vector<double> figures;
    for (const Draw& draw : draws) {
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
                                         {"rows", draw.scores.rows}}
                              .dump());
    }
    if (json) return flush_output();
    const data::Spread spread = data::spread(figures);
    write_out("{}, {} {}, start {}: balanced accuracy {:.3f} ± {:.3f} (standard error, {} draws), {} rows\n",
              task.name, count.number, count.each ? "shots a class" : "examples", start, spread.mean,
              spread.deviation / std::sqrt(static_cast<double>(draws.size())), draws.size(),
              draws.front().scores.rows);
  }
};

}  // namespace zofo::cli
