#include "runs.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

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

void use_cpu(llm::RunOptions& options) {
  require(
      options.device != llm::DeviceKind::cuda,
      "device = \"cuda\": the Python package computes on the CPU; zofo finetune --device cuda uses a GPU");
  options.device = llm::DeviceKind::cpu;
  require(options.precision != llm::Precision::bf16,
          "precision = \"bf16\": needs a GPU: must be auto or fp32");
  options.precision = llm::Precision::fp32;
  llm::with_default_budget(options).check();
}

// Sets the settings.
llm::RunResult run(const RunRequest& request, Messages& messages, llm::RunSettings& settings) {
  settings.out = request.out;
  settings.provenance.machine = compare::machine().dump();
  settings.progress = &messages;
  settings.interrupted = [&messages] { return messages.interrupted(); };
  llm::RunOptions options;
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
  use_cpu(options);
  if (!request.model.empty()) settings.paths.model = request.model;
  if (!request.tasks.empty()) settings.paths.tasks = request.tasks;
  if (!request.data.empty()) settings.paths.data = request.data;
  if (!request.definitions.empty()) settings.paths.definitions = request.definitions;
  llm::CpuDevice device;
  llm::Model model = llm::load_model(settings.paths.model);
  std::vector<data::TaskData> tasks = llm::load_tasks(settings.paths, options);
  return llm::train_run(device, model, std::move(tasks), options, settings);
}

}  // namespace

std::string train(const RunRequest& request, nb::handle progress) {
  Messages messages(progress);
  const nb::gil_scoped_release release;
  llm::RunSettings settings;
  const llm::RunResult result = run(request, messages, settings);
  nlohmann::json out = llm::to_json(result);
  out["model"] = settings.paths.model;
  if (request.meta) return out.dump();
  out["balanced_accuracy"] = result.scores().balanced_accuracy;
  out["eval_seconds"] = result.scores().seconds;
  return out.dump();
}

std::vector<std::pair<std::string, std::string>> option_names() {
  std::vector<std::pair<std::string, std::string>> names;
  llm::for_each_option_member(
      [&](const char* name, auto, const char* help) { names.emplace_back(name, help); });
  return names;
}

}  // namespace zofo::python
