// Language models: scoring, generation and export.
#include <nanobind/nanobind.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "calls.hpp"
#include "device/device.hpp"
#include "loaded_model.hpp"
#include "zofo/data/jsonl.hpp"
#include "zofo/data/row_source.hpp"
#include "zofo/data/task.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/export_model.hpp"
#include "zofo/train/generate_sequences.hpp"
#include "zofo/train/predict.hpp"
#include "zofo/train/run_inputs.hpp"
#include "zofo/train/tiny_model.hpp"

namespace zofo::python {

namespace nb = nanobind;

namespace {

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

// The options `device` and `precision`.
struct DeviceNames {
  std::string device, precision;

  [[nodiscard]] cli::Device choose() const {
    return cli::choose_device(llm::enum_from<llm::DeviceKind>("device", device),
                              llm::enum_from<llm::Precision>("precision", precision));
  }
};

// A model, or the result of a run. Its functions run without the GIL, one at a time.
class Model {
  // Returns f(), called without the GIL while no other call runs.
  template <class F>
  auto alone(const F& f) {
    return released([&] {
      const std::lock_guard lock(mutex_);
      return f();
    });
  }

 public:
  Model(const std::string& model, const llm::ModelParts& parts, const DeviceNames& on, bool special)
      : device_(on.choose()),
        of_(put_on(device_,
                   llm::load_chosen_model(
                       model, parts.run.string(), [this](const std::string& warning) { warning_ = warning; },
                       special, ""),
                   parts)) {}

  // About the weights of the model; empty if there is none.
  [[nodiscard]] const std::string& warning() const { return warning_; }

  [[nodiscard]] std::string device() const { return std::string(llm::to_text(cli::kind_of(device_))); }
  [[nodiscard]] std::string precision() const {
    return std::string(llm::to_text(cli::precision_of(device_)));
  }

  nb::tuple evaluate(const TaskArguments& arguments, const std::string& split,
                     const llm::EvaluateOptions& options) {
    return as_tuple(alone([&] {
      require(split == data::validation_split || split == data::test_split,
              "split = \"{}\": must be validation or test", split);
      const data::TaskData data = arguments.load(split);
      llm::require_calibratable(data.task, options);
      return of_->evaluate(data, options);
    }));
  }

  // Answers to {"prompt", "options"} objects, each as a line of JSON. Ctrl-C ends the call between two
  // passes.
  std::vector<std::string> score(const std::vector<std::string>& lines) {
    return alone([&] { return of_->score(lines, check_signals); });
  }

  // What predict_rows answers each row, given as a line of JSON; the metrics of the labelled ones; and the
  // task's labels with the indices of their choices.
  struct Answers {
    std::vector<std::string> lines;
    std::string metrics;
    std::vector<std::pair<std::string, int>> labels;
  };
  Answers predict(const TaskArguments& arguments, const std::vector<std::string>& lines, bool calibrate) {
    return alone([&] {
      data::TaskData data = arguments.load("");
      llm::require_calibratable(data.task, {0, calibrate});
      data.held_out = GivenRows::name;
      GivenRows rows(lines);
      Answers answers;
      const llm::Predictions predictions = of_->predict(
          data, rows, {.calibrate = calibrate, .row_fields = false},
          [&answers](const std::string& line) { answers.lines.push_back(line); }, check_signals);
      answers.metrics = llm::metrics_json(data.task, predictions, {GivenRows::name, ""}).dump();
      answers.labels.assign(data.task.label_map.begin(), data.task.label_map.end());
      return answers;
    });
  }

  nb::list generate(const std::vector<std::string>& prompts, const llm::GenerateOptions& options,
                    nb::handle on_text) {
    options.check();
    const auto watch = [&](std::size_t index, const llm::Generation& generation) {
      const nb::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (on_text.is_none()) return;
      on_text(index, nb::bytes(generation.text.data(), llm::settled_bytes(generation, options.end)));
    };
    const std::vector<llm::Generation> generations = alone([&] {
      for (std::size_t i = 0; i < prompts.size(); ++i)
        llm::check_prompt(prompts[i], fmt::format("prompts[{}]", i));
      return of_->generate(prompts, options, watch);
    });
    nb::list list;
    for (const llm::Generation& each : generations)
      list.append(llm::to_json_line(each, options.num_return_sequences));
    return list;
  }

  // The token ids of each text.
  std::vector<std::vector<std::int32_t>> tokenize(const std::vector<std::string>& texts, bool special) {
    return released([&] {  // several threads may use the tokenizer
      std::vector<std::vector<std::int32_t>> ids;
      for (std::size_t i = 0; i < texts.size(); ++i) {
        try {
          ids.push_back(of_->tokenizer().encode(texts[i], special));
        } catch (const Error& error) {
          fail("texts[{}]: {}", i, error.what());
        }
        check_signals();
      }
      return ids;
    });
  }

  [[nodiscard]] nb::dict config() {
    const model::Config& c = of_->config();
    nb::dict out;
    out["family"] = c.architecture == model::Architecture::opt ? "opt" : "llama";
    out["vocabulary"] = c.vocab;
    out["width"] = c.width;
    out["layers"] = c.layers;
    out["heads"] = c.heads;
    out["kv_heads"] = c.kv_heads;
    out["context"] = c.context;
    out["adapter"] = of_->has_adapter();
    return out;
  }

 private:
  std::string warning_;
  std::mutex mutex_;
  cli::Device device_;
  std::unique_ptr<LoadedModel> of_;
};

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
  nb::class_<Model>(m, "Model", "A model, or the result of a run, on a device.")
      .def(
          "__init__",
          [](Model* self, const std::string& model, const std::string& run, const std::string& adapter,
             const std::string& device, const std::string& precision, bool special) {
            released([&] { new (self) Model(model, {run, adapter}, {device, precision}, special); });
          },
          nb::arg("model"), nb::arg("run"), nb::arg("adapter"), nb::arg("device"), nb::arg("precision"),
          nb::arg("special"))
      .def_prop_ro("device", &Model::device)
      .def_prop_ro("precision", &Model::precision)
      .def("config", &Model::config)
      .def_prop_ro("warning", &Model::warning)
      .def(
          "evaluate",
          [](Model& of, const TaskArguments& task, const std::string& split, std::size_t limit,
             bool calibrate) { return of.evaluate(task, split, {limit, calibrate}); },
          nb::arg("task"), nb::arg("split"), nb::arg("max_eval_samples"), nb::arg("calibrate"))
      .def("score", &Model::score, nb::arg("requests"))
      .def(
          "predict",
          [](Model& of, const TaskArguments& task, const std::vector<std::string>& rows, bool calibrate) {
            const Model::Answers answers = of.predict(task, rows, calibrate);
            return nb::make_tuple(answers.lines, answers.metrics, answers.labels);
          },
          nb::arg("task"), nb::arg("rows"), nb::arg("calibrate"))
      .def(
          "generate",
          [](Model& of, const std::vector<std::string>& prompts, std::size_t max_new_tokens,
             const std::vector<std::string>& stop, std::size_t batch_size, std::size_t max_prompt_tokens,
             double temperature, std::size_t top_k, double top_p, double min_p, double repetition_penalty,
             std::uint64_t seed, std::size_t num_return_sequences, nb::handle on_text) {
            llm::GenerateOptions options;
            options.end = {stop, max_new_tokens};
            options.decoder.sequences = batch_size;
            options.max_prompt_tokens = max_prompt_tokens;
            options.sampling = {temperature, top_k, top_p, min_p, repetition_penalty, seed};
            options.num_return_sequences = num_return_sequences;
            return of.generate(prompts, options, on_text);
          },
          nb::arg("prompts"), nb::arg("max_new_tokens"), nb::arg("stop"), nb::arg("batch_size"),
          nb::arg("max_prompt_tokens"), nb::arg("temperature"), nb::arg("top_k"), nb::arg("top_p"),
          nb::arg("min_p"), nb::arg("repetition_penalty"), nb::arg("seed"), nb::arg("num_return_sequences"),
          nb::arg("on_text").none())
      .def("tokenize", &Model::tokenize, nb::arg("texts"), nb::arg("special"));
  m.def(
      "model_of_run", [](const std::string& run) { return llm::choose_model("", run, ""); }, nb::arg("run"));
  m.def(
      "export_model",
      [](const std::string& model, const std::string& run, const std::string& adapter, const std::string& out,
         const std::string& format, const std::string& dtype, bool merge, bool no_tokenizer,
         bool without_backbone) {
        llm::ExportOptions options{.model = model,
                                   .run = run,
                                   .adapter = adapter,
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
      nb::arg("model"), nb::arg("run"), nb::arg("adapter"), nb::arg("out"), nb::arg("format"),
      nb::arg("dtype"), nb::arg("merge"), nb::arg("no_tokenizer"), nb::arg("without_backbone"));
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
