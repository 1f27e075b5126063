// Language models: scoring, generation, fine-tuning and export.
#include <nanobind/nanobind.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "runs.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/row_source.hpp"
#include "zofo/data/task.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/lm/score_requests.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/export_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/impl/run_model.hpp"
#include "zofo/train/predict.hpp"
#include "zofo/train/run_inputs.hpp"
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
  llm::InputPaths paths;  // without a task: that of the run
  std::string run;
  std::string template_name;
  std::size_t max_prompt_tokens = 0;
  std::size_t demonstrations = 0;
  std::uint64_t seed = 0;

  // The task with the examples of a split ("": none).
  [[nodiscard]] data::TaskData load(const std::string& split) const {
    return llm::choose_task(paths, run, "")
        .load(template_name, split, max_prompt_tokens, demonstrations, seed);
  }
};

// Rows as lines of JSON in memory.
class GivenRows : public data::RowSource {
 public:
  // In messages about a row, before its number.
  static constexpr const char* name = "rows";

  explicit GivenRows(const std::vector<std::string>& lines) : lines_(lines) {}
  bool next() override { return ++number_ <= lines_.size(); }
  [[nodiscard]] data::JsonLine row() override {
    return data::parse_json_line(lines_[number_ - 1], name, number_);
  }
  bool ready() override { return true; }

 private:
  const std::vector<std::string>& lines_;
  std::size_t number_ = 0;
};

// Ctrl-C ends the call. Needs no GIL.
void check_signals() {
  const nb::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

// A model, or the result of a run, on the CPU. Its functions run without the GIL, one at a time.
class LoadedModel {
 public:
  LoadedModel(const std::string& model, const std::string& run, const std::string& adapter)
      : of_(device_,
            llm::load_chosen_model(
                model, run, [this](const std::string& warning) { warning_ = warning; }, ""),
            llm::ModelParts{run, adapter}) {}

  // About the weights of the model; empty if there is none.
  [[nodiscard]] const std::string& warning() const { return warning_; }

  nb::object evaluate(const TaskArguments& arguments, const std::string& split,
                      const llm::EvaluateOptions& options) {
    llm::Scores scores;
    {
      const nb::gil_scoped_release release;
      const std::lock_guard lock(mutex_);
      require(split == data::validation_split || split == data::test_split,
              "split = \"{}\": must be validation or test", split);
      const data::TaskData data = arguments.load(split);
      llm::require_calibratable(data.task, options);
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

  // What predict_rows answers each row, given as a line of JSON; the metrics of the labelled ones; and the
  // task's labels with the indices of their choices.
  struct Answers {
    std::vector<std::string> lines;
    std::string metrics;
    std::vector<std::pair<std::string, int>> labels;
  };
  Answers predict(const TaskArguments& arguments, const std::vector<std::string>& lines, bool calibrate) {
    const nb::gil_scoped_release release;
    const std::lock_guard lock(mutex_);
    data::TaskData data = arguments.load("");
    llm::require_calibratable(data.task, {0, calibrate});
    data.held_out = GivenRows::name;
    GivenRows rows(lines);
    Answers answers;
    const llm::Predictions predictions = llm::predict_rows(
        of_, data, rows, {.calibrate = calibrate, .row_fields = false},
        [&answers](const std::string& line) { answers.lines.push_back(line); }, check_signals);
    answers.metrics = llm::metrics_json(data.task, predictions, {GivenRows::name, ""}).dump();
    answers.labels.assign(data.task.label_map.begin(), data.task.label_map.end());
    return answers;
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
      check_signals();
    }
    return results;
  }

  std::string warning_;
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
      .def(
          "__init__",
          [](TaskArguments* self, const std::string& task, const std::string& data,
             const std::string& definitions, const std::string& run, const std::string& template_name,
             std::size_t max_prompt_tokens, std::size_t demonstrations, std::uint64_t seed) {
            llm::InputPaths paths;
            paths.data = data;
            paths.definitions = definitions;
            if (!task.empty()) paths.tasks = {task};
            new (self) TaskArguments{paths, run, template_name, max_prompt_tokens, demonstrations, seed};
          },
          nb::arg("task"), nb::arg("data"), nb::arg("definitions"), nb::arg("run"), nb::arg("template"),
          nb::arg("max_prompt_tokens"), nb::arg("demonstrations"), nb::arg("seed"));
  nb::class_<LoadedModel>(m, "Model", "A model, or the result of a run, on the CPU.")
      .def(
          "__init__",
          [](LoadedModel* self, const std::string& model, const std::string& run,
             const std::string& adapter) { released([&] { new (self) LoadedModel(model, run, adapter); }); },
          nb::arg("model"), nb::arg("run"), nb::arg("adapter"))
      .def("config", &LoadedModel::config)
      .def_prop_ro("warning", &LoadedModel::warning)
      .def(
          "evaluate",
          [](LoadedModel& of, const TaskArguments& task, const std::string& split, std::size_t limit,
             bool calibrate) { return of.evaluate(task, split, {limit, calibrate}); },
          nb::arg("task"), nb::arg("split"), nb::arg("max_eval_samples"), nb::arg("calibrate"))
      .def("score", &LoadedModel::score, nb::arg("requests"))
      .def(
          "predict",
          [](LoadedModel& of, const TaskArguments& task, const std::vector<std::string>& rows,
             bool calibrate) {
            const LoadedModel::Answers answers = of.predict(task, rows, calibrate);
            return nb::make_tuple(answers.lines, answers.metrics, answers.labels);
          },
          nb::arg("task"), nb::arg("rows"), nb::arg("calibrate"))
      .def(
          "generate",
          [](LoadedModel& of, const std::vector<std::string>& prompts, std::size_t max_new_tokens,
             const std::string& stop, std::size_t batch_size, std::size_t max_prompt_tokens,
             nb::handle on_text) {
            llm::GenerateOptions options;
            options.end = {stop, max_new_tokens};
            options.greedy.sequences = batch_size;
            options.max_prompt_tokens = max_prompt_tokens;
            return of.generate(prompts, options, on_text);
          },
          nb::arg("prompts"), nb::arg("max_new_tokens"), nb::arg("stop"), nb::arg("batch_size"),
          nb::arg("max_prompt_tokens"), nb::arg("on_text").none());
  m.def(
      "model_of_run", [](const std::string& run) { return llm::choose_model("", run, ""); }, nb::arg("run"));
  m.def("train", &train, nb::arg("request"), nb::arg("progress").none());
  m.def("option_names", &option_names);
  nb::class_<RunRequest>(m, "RunRequest", "The arguments of a run.")
      .def(nb::init<>())
      .def_rw("model", &RunRequest::model)
      .def_rw("tasks", &RunRequest::tasks)
      .def_rw("data", &RunRequest::data)
      .def_rw("definitions", &RunRequest::definitions)
      .def_rw("out", &RunRequest::out)
      .def_rw("options", &RunRequest::options)
      .def_rw("adapter_given", &RunRequest::adapter_given)
      .def_rw("meta", &RunRequest::meta)
      .def_rw("resume", &RunRequest::resume)
      .def_rw("from_step", &RunRequest::from_step);
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
