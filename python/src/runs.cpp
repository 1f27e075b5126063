// Training runs.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "device/device.hpp"
#include "zofo/checkpoint/run_state.hpp"
#include "zofo/compare/machine.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/model_shape.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/run/run_result.hpp"
#include "zofo/train/adapter_checkpoints.hpp"
#include "zofo/train/budget.hpp"
#include "zofo/train/load_tasks.hpp"
#include "zofo/train/progress.hpp"
#include "zofo/train/start_adapter.hpp"
#include "zofo/train/train_run.hpp"

namespace zofo::python {

namespace nb = nanobind;

namespace {

// The arguments of a training run.
struct RunRequest {
  std::string model;  // GGUF file or Hugging Face folder; for a resumption empty: the recorded one
  std::vector<std::string> tasks;          // folders with task.toml, or names of definitions; as `model`
  std::string data;                        // folder with NAME/train.jsonl, or train.jsonl; may be empty
  std::string definitions;                 // folder with task definitions
  std::string out;                         // run folder to make, or to resume
  std::string options;                     // options as TOML
  bool adapter_given = false;              // the options name the kind of the adapter
  bool meta = false;                       // train one backbone over all tasks
  bool resume = false;                     // continue the run in `out`
  std::optional<std::uint32_t> from_step;  // with `resume`: from the checkpoint of this step
};

constexpr const char* source = "options";  // the name of the options in messages

// Passes a run's progress to a Python callable, and notes Ctrl-C.
class Messages : public llm::Progress {
 public:
  explicit Messages(nb::handle callable) : Progress("", nullptr), callable_(callable) {}

  void step(const StepReport& report, const llm::Position& now) override {
    const auto clock = std::chrono::steady_clock::now();
    if (callable_.is_none() || clock < next_) return;
    next_ = clock + std::chrono::milliseconds(250);
    const nb::gil_scoped_acquire gil;
    callable_(report.step + 1, report.upper, report.inner_value_s, now.seconds, now.left,
              now.tokens_per_second, nb::none());
  }
  void note(const std::string& message) override {
    if (callable_.is_none()) return;
    const nb::gil_scoped_acquire gil;
    callable_(nb::none(), 0.0, 0.0, 0.0, 0.0, 0.0, nb::str(message.data(), message.size()));
  }
  // True if Ctrl-C was pressed.
  bool interrupted() {
    const nb::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() == 0) return false;
    PyErr_Clear();  // Python raises KeyboardInterrupt once the run is saved
    return true;
  }

 private:
  nb::handle callable_;
  std::chrono::steady_clock::time_point next_;
};

llm::Command command_of(const RunRequest& request) {
  return request.meta ? llm::Command::meta_train : llm::Command::finetune;
}

// The defaults of the method, then the text. An adapter, also one that the run starts from, selects the
// method of the family that has it.
llm::RunOptions started_options(const RunRequest& request) {
  const llm::RunOptions given = llm::options_from_toml(command_of(request), request.options, source);
  llm::AdapterKind adapter = given.adapter;
  if (!given.start_adapter.empty() && !request.adapter_given)
    adapter = llm::adapter_kind(given.start_adapter);
  const llm::Method method = llm::sibling(given.method, adapter);
  llm::RunOptions options = llm::preset(command_of(request), method);
  llm::parse_toml(options, request.options, source);
  options.method = method;
  options.adapter = adapter;
  options.lora_target_modules = llm::target_modules(options.lora_target_modules);
  return options;
}

// The options of a run that is resumed: those of its folder, then the text.
llm::RunOptions resumed_options(const llm::RunFolder& folder, const checkpoint::RunState& saved,
                                const RunRequest& request) {
  const llm::RunOptions started = llm::options_of(saved);
  require(started.command == command_of(request), "{}: is a run of {}: resume it by zofo.{}",
          folder.path().string(), started.command,
          started.command == llm::Command::meta_train ? "resume_meta_train" : "resume");
  const std::filesystem::path file = folder.file("options.toml");
  llm::RunOptions options = llm::options_from_toml(started.command, parse::read_file(file), file.string());
  llm::parse_toml(options, request.options, source);
  llm::check_resume(folder, started, options, saved,
                    ": max_steps, epochs, max_seconds, max_forward_passes or early_stopping_patience");
  return options;
}

// A run: what is trained and how.
struct Training {
  llm::RunOptions options;
  llm::RunSettings settings;

  template <class Device>
  llm::RunResult on(Device& device) const {
    llm::Model model = llm::load_model(settings.paths.model);
    std::vector<data::TaskData> tasks = llm::load_tasks(settings.paths, options);
    return llm::train_run(device, model, std::move(tasks), options, settings);
  }
};

Training requested(const RunRequest& request) {
  Training training;
  llm::RunOptions& options = training.options;
  llm::RunSettings& settings = training.settings;
  settings.out = request.out;
  settings.provenance.machine = compare::machine().dump();
  if (request.resume) {
    const llm::RunFolder folder = llm::RunFolder::open(request.out);
    settings.from_step = request.from_step;
    settings.saved =
        request.from_step ? llm::read_checkpoint(folder, *request.from_step) : llm::read_state(folder);
    options = resumed_options(folder, *settings.saved, request);
    settings.paths = llm::input_paths_from(settings.saved->number<nlohmann::json>("place"));
  } else {
    llm::RunFolder::require_new(request.out);
    options = started_options(request);
    llm::with_default_budget(options).check();
  }
  if (!request.model.empty()) settings.paths.model = request.model;
  if (!request.tasks.empty()) settings.paths.tasks = request.tasks;
  if (!request.data.empty()) settings.paths.data = request.data;
  if (!request.definitions.empty()) settings.paths.definitions = request.definitions;
  return training;
}

// Runs it without the GIL. `progress(step, …)` is called at most every quarter of a second with the numbers
// of llm::Progress, and `progress(None, …, message)` with messages. Returns the result as JSON with the
// device and the precision; its field `interrupted` says whether Ctrl-C ended the run. Throws Error as the
// library does.
std::string train(const RunRequest& request, nb::handle progress) {
  Messages messages(progress);
  const nb::gil_scoped_release release;
  Training training = requested(request);
  training.settings.progress = &messages;
  training.settings.interrupted = [&messages] { return messages.interrupted(); };
  const cli::Device device = cli::choose_device(training.options);
  const llm::RunResult result = cli::on_device(device, training, training.options.deterministic);
  nlohmann::json out = llm::to_json(result);
  out["model"] = training.settings.paths.model;
  out["device"] = llm::to_text(training.options.device);
  out["precision"] = llm::to_text(training.options.precision);
  if (request.meta) return out.dump();
  out["balanced_accuracy"] = result.scores().balanced_accuracy;
  out["eval_seconds"] = result.scores().seconds;
  return out.dump();
}

// Name and help of every option of a run.
std::vector<std::pair<std::string, std::string>> option_names() {
  std::vector<std::pair<std::string, std::string>> names;
  llm::for_each_option_member(
      [&](const char* name, auto, const char* help) { names.emplace_back(name, help); });
  return names;
}

}  // namespace

void bind_runs(nb::module_& m) {
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
  m.def("train", &train, nb::arg("request"), nb::arg("progress").none());
  m.def("option_names", &option_names);
}

}  // namespace zofo::python
