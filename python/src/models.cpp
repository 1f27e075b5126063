// Language models: scoring, generation, fine-tuning and export.
#include <nanobind/nanobind.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bind.hpp"
#include "runs.hpp"
#include "zofo/data/demonstrations.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/lm/score_requests.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/export_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/impl/run_model.hpp"
#include "zofo/train/tiny_model.hpp"

namespace zofo::python {

namespace nb = nanobind;

namespace {

nb::object as_tuple(const llm::Scores& s) {
  return nb::make_tuple(s.loss, s.accuracy, s.macro_f1, s.balanced_accuracy,
                        s.answers ? nb::cast(s.answers->exact_match) : nb::none(),
                        s.answers ? nb::cast(s.answers->f1) : nb::none(), s.examples, s.seconds);
}

// The arguments that name a task and how its prompts are made.
struct TaskArguments {
  std::string task;
  std::optional<std::string> data;
  std::string definitions, template_name;

  [[nodiscard]] data::TaskData load() const {
    return data::load_task(task, data ? std::optional<std::filesystem::path>(*data) : std::nullopt,
                           definitions, template_name);
  }
};

// A model, or the result of a run, on the CPU. Its functions run without the GIL, one at a time.
class LoadedModel {
 public:
  LoadedModel(const std::string& model, const std::string& run) : of_(device_, llm::load_model(model), run) {}

  nb::object evaluate(const TaskArguments& arguments, const llm::EvaluateOptions& options,
                      std::size_t demonstrations, std::uint64_t seed) {
    llm::Scores scores;
    {
      const nb::gil_scoped_release release;
      const std::lock_guard lock(mutex_);
      data::TaskData data = arguments.load();
      llm::require_calibratable(data.task, options);
      data::take_demonstrations(data, demonstrations, seed);
      scores = llm::evaluate(of_, data, options);
    }
    return as_tuple(scores);
  }

  // Answers to {"prompt", "options"} objects, each as a line of JSON.
  std::vector<std::string> score(const std::vector<std::string>& lines) {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    const auto selected = adapters();
    return in_groups<std::string>(
        lines,
        [&](const std::string& line, std::size_t number) {
          return llm::parse_request(of_.state().model, data::parse_json_line(line, "requests", number),
                                    selected);
        },
        [&](std::span<const llm::Request> group) {
          return llm::answer_requests(*of_.state().transformer, of_.state().theta, selected, group);
        });
  }

  // For each row, given as a line of JSON, the scores of the task's choices.
  nb::object predict(const TaskArguments& arguments, const std::vector<std::string>& rows) {
    std::vector<std::vector<double>> scores;
    std::vector<std::string> choices;
    std::vector<std::pair<std::string, int>> labels;
    {
      const nb::gil_scoped_release release;
      const std::lock_guard lock(mutex_);
      const data::Task task = data::Task::load(task_file(arguments), arguments.template_name);
      require(task.kind == data::Kind::choice,
              "task '{}': has no answer choices that all rows share: predict needs a task of kind choice",
              task.name);
      choices = task.choices;
      labels.assign(task.label_map.begin(), task.label_map.end());
      const llm::ExampleEncoder encoder(of_.state().model, task, llm::Purpose::scoring, {},
                                        of_.state().reserved());
      const auto selected = adapters();
      std::vector<data::Example> examples;
      examples.reserve(rows.size());  // encoded examples borrow them
      scores = in_groups<std::vector<double>>(
          rows,
          [&](const std::string& text, std::size_t number) {
            const data::JsonLine line = data::parse_json_line(text, "rows", number);
            data::Example& example = examples.emplace_back();
            example.prompt = task.prompt.render(line);
            example.line = number;
            require(!data::is_blank(example.prompt), "{}: the prompt is blank", line.location());
            return llm::Request{encoder(example, line.location()), selected.fallback};
          },
          [&](std::span<const llm::Request> group) {
            return llm::score_requests(*of_.state().transformer, of_.state().theta, selected, group);
          });
    }
    return nb::make_tuple(scores, choices, labels);
  }

  nb::object generate(const std::vector<std::string>& prompts, const llm::GenerateOptions& options,
                      nb::handle on_text) {
    options.check();
    std::vector<llm::Generation> generations;
    const auto watch = [&](std::size_t index, const llm::Generation& generation) {
      const nb::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (on_text.is_none()) return;
      on_text(index, nb::bytes(generation.text.data(), llm::settled_bytes(generation, options.end)));
    };
    {
      const nb::gil_scoped_release release;
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < prompts.size(); ++i)
        llm::check_prompt(prompts[i], fmt::format("prompts[{}]", i));
      generations = llm::generate(of_, std::span<const std::string>(prompts), options, watch);
    }
    nb::list list;
    for (const llm::Generation& each : generations) list.append(llm::to_json_line(each));
    return list;
  }

  [[nodiscard]] nb::dict config() {
    const model::Config& c = of_.state().transformer->config();
    nb::dict out;
    out["family"] = c.family == model::Family::llama ? "llama" : "opt";
    out["vocabulary"] = c.vocab;
    out["width"] = c.width;
    out["layers"] = c.layers;
    out["heads"] = c.heads;
    out["kv_heads"] = c.kv_heads;
    out["context"] = c.context;
    out["adapter"] = of_.state().adapter.has_value();
    return out;
  }

 private:
  using State = llm::RunModel<llm::CpuDevice>::State;

  [[nodiscard]] llm::SelectedAdapters<State::Vector> adapters() {
    llm::SelectedAdapters<State::Vector> selected;
    State& state = of_.state();
    if (!state.adapter) return selected;
    selected.names = {""};
    selected.adapters = {{&*state.adapter, state.transformer->adapters().first(), state.reserved()}};
    selected.fallback = 0;
    return selected;
  }
  static std::filesystem::path task_file(const TaskArguments& arguments) {
    const std::filesystem::path folder(arguments.task), defined = arguments.definitions / folder;
    if (std::filesystem::exists(folder / "task.toml")) return folder / "task.toml";
    require(std::filesystem::exists(defined / "task.toml"),
            "task '{}': neither a folder with a task.toml nor a task defined in {}", arguments.task,
            arguments.definitions);
    return defined / "task.toml";
  }
  // Passes of about max_batch_tokens tokens. Between two of them Ctrl-C ends the call.
  template <class Result, class Make, class Answer>
  static std::vector<Result> in_groups(const std::vector<std::string>& lines, const Make& make,
                                       const Answer& answer) {
    std::vector<Result> results;
    std::vector<llm::Request> waiting;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      waiting.push_back(make(lines[i], i + 1));
      tokens += llm::packed_tokens(waiting.back().example);
      if (tokens < State::Backend::max_batch_tokens && i + 1 < lines.size()) continue;
      for (Result& each : answer(std::span<const llm::Request>(waiting))) results.push_back(std::move(each));
      waiting.clear();
      tokens = 0;
      const nb::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }
    return results;
  }

  std::mutex mutex_;
  llm::CpuDevice device_;
  llm::RunModel<llm::CpuDevice> of_;
};

// Calls f with the GIL released.
template <class F>
auto released(F&& f) {
  const nb::gil_scoped_release release;
  return f();
}

}  // namespace

void bind_models(nb::module_& m) {
  nb::class_<TaskArguments>(m, "TaskArguments", "Where a task and its data are.")
      .def(nb::init<std::string, std::optional<std::string>, std::string, std::string>(), nb::arg("task"),
           nb::arg("data").none(), nb::arg("definitions"), nb::arg("template"));
  nb::class_<LoadedModel>(m, "Model", "A model, or the result of a run, on the CPU.")
      .def(
          "__init__",
          [](LoadedModel* self, const std::string& model, const std::string& run) {
            released([&] { new (self) LoadedModel(model, run); });
          },
          nb::arg("model"), nb::arg("run"))
      .def("config", &LoadedModel::config)
      .def(
          "evaluate",
          [](LoadedModel& of, const TaskArguments& task, std::size_t limit, bool calibrate,
             std::size_t demonstrations,
             std::uint64_t seed) { return of.evaluate(task, {limit, calibrate}, demonstrations, seed); },
          nb::arg("task"), nb::arg("max_eval_samples"), nb::arg("calibrate"), nb::arg("demonstrations"),
          nb::arg("seed"))
      .def("score", &LoadedModel::score, nb::arg("requests"))
      .def("predict", &LoadedModel::predict, nb::arg("task"), nb::arg("rows"))
      .def(
          "generate",
          [](LoadedModel& of, const std::vector<std::string>& prompts, std::size_t max_new_tokens,
             const std::string& stop, std::size_t batch_size, nb::handle on_text) {
            llm::GenerateOptions options;
            options.end = {stop, max_new_tokens};
            options.greedy.sequences = batch_size;
            return of.generate(prompts, options, on_text);
          },
          nb::arg("prompts"), nb::arg("max_new_tokens"), nb::arg("stop"), nb::arg("batch_size"),
          nb::arg("on_text").none());
  m.def("finetune", &finetune, nb::arg("request"), nb::arg("progress").none());
  m.def("option_names", &option_names);
  nb::class_<RunRequest>(m, "RunRequest", "The arguments of a run.")
      .def(nb::init<>())
      .def_rw("model", &RunRequest::model)
      .def_rw("task", &RunRequest::task)
      .def_rw("data", &RunRequest::data)
      .def_rw("definitions", &RunRequest::definitions)
      .def_rw("out", &RunRequest::out)
      .def_rw("options", &RunRequest::options)
      .def_rw("resume", &RunRequest::resume);
  m.def(
      "export_model",
      [](const std::string& model, const std::string& run, const std::string& out, const std::string& format,
         const std::string& dtype, bool merge, bool no_tokenizer, bool without_backbone) {
        llm::ExportOptions options{.model = model,
                                   .run = run,
                                   .out = out,
                                   .merge = merge,
                                   .no_tokenizer = no_tokenizer,
                                   .without_backbone = without_backbone};
        options.format = llm::enum_from<llm::ExportFormat>("format", format);
        options.dtype = llm::enum_from<llm::ExportType>("dtype", dtype);
        options.check();
        const llm::Exported exported = released([&] { return llm::export_model(options); });
        return std::pair(exported.what, exported.warning);
      },
      nb::arg("model"), nb::arg("run"), nb::arg("out"), nb::arg("format"), nb::arg("dtype"), nb::arg("merge"),
      nb::arg("no_tokenizer"), nb::arg("without_backbone"));
  m.def(
      "write_tiny_model", [](const std::string& path) { released([&] { llm::write_tiny_model(path); }); },
      nb::arg("path"));
  m.def(
      "write_tiny_task",
      [](const std::string& path, std::size_t train, std::size_t validation) {
        released([&] { llm::write_tiny_task(path, train, validation); });
      },
      nb::arg("path"), nb::arg("train"), nb::arg("validation"));
}

}  // namespace zofo::python
