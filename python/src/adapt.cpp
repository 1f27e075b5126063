// Adaptation to a few examples, and the replay of a run.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "calls.hpp"
#include "device/device.hpp"
#include "fields.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/train/adapt_tasks.hpp"
#include "zofo/train/load_tasks.hpp"
#include "zofo/train/run_inputs.hpp"
#include "zofo/train/verify_run.hpp"

namespace zofo::python {

namespace nb = nanobind;

namespace {

// The results of the subsets of a task, a number of examples and a start.
struct Adapted {
  std::string task;
  llm::Count count;
  std::string start;
  std::vector<llm::FewShotResult> results;
};

// An adaptation.
struct Adaptation {
  llm::InputPaths paths;
  llm::AdaptRequest request;
  std::size_t max_prompt_tokens = 0;
  cli::Device where = cli::Device::cpu;

  // The results, and remarks about the data.
  struct Answers {
    std::vector<Adapted> adapted;
    std::vector<std::string> notes;
  };

  template <class Device>
  Answers on(Device& device) const {
    Answers answers;
    const std::vector<data::TaskData> tasks = llm::load_choice_tasks(paths, max_prompt_tokens);
    for (const data::TaskData& task : tasks)
      answers.notes.insert(answers.notes.end(), task.notes.begin(), task.notes.end());
    llm::Model model = llm::load_model(paths.model);
    llm::adapt(device, model, std::span(tasks), request,
               [&answers](const data::TaskData& task, llm::Count count, const std::string& start,
                          const std::vector<llm::FewShotResult>& results) {
                 answers.adapted.push_back({task.task.name, count, start, results});
                 check_signals();
               });
    return answers;
  }
};

// Reads the arguments of zofo.adapt by their names. Throws Error naming the one at fault.
Adaptation requested(llm::InputPaths paths, const nb::dict& arguments) {
  Adaptation adaptation;
  llm::AdaptRequest& request = adaptation.request;
  llm::AdaptOptions& options = request.options;
  Fields fields(arguments, "adapt");
  for (const std::size_t number : fields.get("examples", std::vector<std::size_t>{}))
    request.counts.push_back({number, false});
  for (const std::size_t number : fields.get("shots", std::vector<std::size_t>{}))
    request.counts.push_back({number, true});
  request.run = fields.get("run", std::string());
  request.out = fields.get("out", std::string());
  fields.read("start", request.starts);
  fields.read("in_context", request.in_context);
  fields.read("max_eval_samples", request.max_eval_samples);
  fields.read("max_prompt_tokens", adaptation.max_prompt_tokens);
  fields.read("special", request.special);
  fields.read("num_seeds", options.num_seeds);
  fields.read("seed", options.seed);
  fields.read("max_steps", options.max_steps);
  fields.read("learning_rate", options.learning_rate);
  fields.read("weight_decay", options.weight_decay);
  fields.read("batch_size", options.batch_size);
  fields.read("lora_rank", request.lora_rank);
  fields.read("lora_alpha", request.lora_alpha);
  fields.read("lora_target_modules", request.lora_target_modules);
  const auto device = fields.get("device", std::string(llm::to_text(llm::DeviceKind::automatic)));
  const auto precision = fields.get("precision", std::string(llm::to_text(llm::Precision::automatic)));
  fields.finish();
  request.base_model = paths.model;
  request.dashes = "";
  request.check(paths.tasks.size());
  adaptation.paths = std::move(paths);
  adaptation.where = cli::choose_device(llm::enum_from<llm::DeviceKind>("device", device),
                                        llm::enum_from<llm::Precision>("precision", precision));
  return adaptation;
}

// A tuple (task, number, of each class, start, results) for each of the results, and the remarks. A result is
// (seed, examples, training loss, scores).
nb::tuple adapt(const std::string& model, const std::vector<std::string>& tasks, const std::string& data,
                const std::string& definitions, const nb::dict& arguments) {
  const Adaptation adaptation = requested({model, tasks, data, definitions}, arguments);
  const Adaptation::Answers answers = released([&] { return cli::on_device(adaptation.where, adaptation); });
  nb::list list;
  for (const Adapted& each : answers.adapted) {
    nb::list results;
    for (const llm::FewShotResult& one : each.results)
      results.append(nb::make_tuple(one.seed, one.examples, one.training_loss, as_tuple(one.scores)));
    list.append(
        nb::make_tuple(each.task, each.count.number, each.count.each, each.start, nb::tuple(results)));
  }
  return nb::make_tuple(list, answers.notes);
}

// A replay.
struct Replay {
  std::string model;
  std::string run;
  std::optional<std::uint32_t> to;
  llm::RunOptions options;  // of the run

  template <class Device>
  llm::Replayed on(Device& device) const {
    llm::Model loaded = llm::load_model(model);
    return llm::verify_run(device, loaded, run, options, {to, model});
  }
};

nb::tuple replay(const std::string& run, const std::string& model, std::optional<std::uint32_t> to) {
  const llm::Replayed done = released([&] {
    llm::Hints ignored;
    Replay request{"", run, to, llm::read_options(llm::RunFolder::open(run).path(), &ignored)};
    request.model = llm::choose_model(model, run, "");
    return cli::on_device(cli::choose_device(request.options.device, request.options.precision), request);
  });
  return nb::make_tuple(done.what, done.hash, done.steps, done.verified, done.seconds);
}

}  // namespace

void bind_adapt(nb::module_& m) {
  m.def("adapt", &adapt, nb::arg("model"), nb::arg("tasks"), nb::arg("data"), nb::arg("definitions"),
        nb::arg("arguments"));
  m.def("replay", &replay, nb::arg("run"), nb::arg("model"), nb::arg("to").none());
}

}  // namespace zofo::python
