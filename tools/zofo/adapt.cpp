// zofo adapt: adapts a model, or the result of a meta-training, to new tasks by a few examples.
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli.hpp"
#include "device_flags.hpp"
#include "run_flags.hpp"
#include "zofo/data/metrics.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/adapt_tasks.hpp"
#include "zofo/train/load_tasks.hpp"

namespace zofo::cli {
namespace {

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
    llm::adapt(
        device, model, std::span(tasks), request,
        [this](const data::TaskData& task, llm::Count count, const std::string& start,
               const std::vector<llm::FewShotResult>& results) { print(task.task, count, start, results); });
    return 0;
  }

 private:
  // `results` has one entry for each seed.
  void print(const data::Task& task, llm::Count count, const std::string& start,
             const std::vector<llm::FewShotResult>& results) const {
    std::vector<double> accuracies;
    for (const llm::FewShotResult& each : results) {
      accuracies.push_back(each.scores.balanced_accuracy);
      if (json)
        write_text(nlohmann::json{{"task", task.name},
                                  {count.each ? "shots" : "examples", count.number},
                                  {"start", start},
                                  {"seed", each.seed},
                                  {"training_rows", each.examples},
                                  {"training_loss", each.training_loss},
                                  {"accuracy", each.scores.accuracy},
                                  {"balanced_accuracy", each.scores.balanced_accuracy},
                                  {"macro_f1", each.scores.macro_f1},
                                  {"loss", each.scores.loss},
                                  {"rows", each.scores.examples}}
                       .dump() +
                   "\n");
    }
    if (json) return flush_output();
    const data::Summary summary = data::summary(accuracies);
    write_out(
        "{}, {} {}, start {}: balanced accuracy {:.3f} ± {:.3f} (standard error, {} seeds), {} examples\n",
        task.name, count.number, count.each ? "shots per class" : "training examples", start, summary.mean,
        summary.standard_deviation / std::sqrt(static_cast<double>(results.size())), results.size(),
        results.front().scores.examples);
  }
};

struct Arguments {
  Adapt adapt;
  DeviceFlags device;
  std::vector<std::size_t> shots, examples;
};

int run(const Arguments& arguments) {
  Adapt adapt = arguments.adapt;
  for (const std::size_t number : arguments.examples) adapt.request.counts.push_back({number, false});
  for (const std::size_t number : arguments.shots) adapt.request.counts.push_back({number, true});
  adapt.request.base_model = adapt.paths.model;
  adapt.request.check(adapt.paths.tasks.size());
  return on_device(arguments.device.choose(), adapt);
}

void add_examples(const Subcommand& command, Arguments& arguments) {
  Adapt& adapt = arguments.adapt;
  llm::AdaptOptions& options = adapt.request.options;
  command
      .add_several_input_paths(
          adapt.paths, "--task",
          "the new task, or several separated by commas: folders with task.toml, or names of definitions")
      .required();
  command.add("--shots", arguments.shots, "training examples per class; several numbers separated by commas")
      .separated_by_commas();
  command
      .add("--examples", arguments.examples,
           "training examples in total; several numbers separated by commas")
      .separated_by_commas();
  command
      .add("--num-seeds", options.num_seeds,
           "number of random samples of the examples, with the seeds seed, seed + 1, ...; an adapter is "
           "fitted to each; more: a more precise mean")
      .show_default();
  command.add("--seed", options.seed, "first seed").show_default();
  command
      .add("--max-eval-samples", adapt.request.max_eval_samples,
           "validation examples scored, 0: all; lower it to score faster")
      .show_default();
  command
      .add("--max-prompt-tokens", adapt.max_tokens,
           "longer prompts keep their last tokens only; 0: as the task defines")
      .show_default();
  add_special(command, adapt.request.special);
  command.add_old("--draws", "--num-seeds", options.num_seeds);
  command.add_old("--validation-rows", "--max-eval-samples", adapt.request.max_eval_samples);
  command.add_old("--max-tokens", "--max-prompt-tokens", adapt.max_tokens);
}

void add_training(const Subcommand& command, llm::AdaptRequest& request) {
  llm::AdaptOptions& options = request.options;
  command
      .add("--start", request.starts,
           "initial adapter: zero (no change to the model), mean (of the run's adapters) or the name of one "
           "of them; "
           "several separated by commas")
      .separated_by_commas()
      .show_default();
  command.add("--in-context", request.in_context,
              "train nothing: put the examples in front of every prompt, as many as fit");
  command.add("--max-steps", options.max_steps, "adapter steps; more: a closer fit to the examples")
      .show_default();
  command
      .add("--learning-rate", options.learning_rate,
           "learning rate (Adam), falls linearly to 0; lower it if the loss jumps")
      .show_default();
  command
      .add("--weight-decay", options.weight_decay,
           "decoupled weight decay (AdamW); raise it against overfitting")
      .show_default();
  command
      .add("--batch-size", options.batch_size,
           "examples per mini-batch; larger: less noise, more time and memory")
      .show_default();
  command.add("--lora-rank", request.lora_rank, "rank of adapters that start at zero; larger: more capacity")
      .show_default();
  command.add("--lora-alpha", request.lora_alpha, "LoRA scale is lora_alpha / lora_rank").show_default();
  command
      .add("--lora-target-modules", request.lora_target_modules,
           "modules with LoRA, separated by commas: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj; "
           "short: q,v")
      .show_default();
  command.add_old("--steps", "--max-steps", options.max_steps);
  command.add_old("--rate", "--learning-rate", options.learning_rate);
  command.add_old("--batch", "--batch-size", options.batch_size);
  command.add_old("--lora-targets", "--lora-target-modules", request.lora_target_modules);
}

}  // namespace

void add_adapt(CLI::App& app, Action& action) {
  const Subcommand command(app, "adapt",
                           "Adapt a model, or the result of meta-train, to a task with a few examples");
  auto arguments = std::make_shared<Arguments>();
  llm::AdaptRequest& request = arguments->adapt.request;
  command.add("--model", arguments->adapt.paths.model, "GGUF file or Hugging Face folder of the model")
      .required();
  command.add("--run", request.run, "run folder of meta-train; default: adapt the model itself");
  add_examples(command, *arguments);
  add_training(command, request);
  command.add("--out", request.out, "folder to make for the adapter, in peft's format");
  command.add("--json", arguments->adapt.json, "print one JSON object for each seed");
  arguments->device.add(command);
  command.footer(
      "Example: zofo adapt --model model.gguf --run runs/meta --task poem_sentiment --data DATA "
      "\\\n"
      "           --shots 16 --start mean --out adapters/poem");
  command.on_selection(action, [arguments] { return run(*arguments); });
}

}  // namespace zofo::cli
