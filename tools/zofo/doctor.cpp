// zofo doctor: what the machine has, what would run on it, how fast, and what is wrong.
#include "doctor.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli.hpp"
#include "device_flags.hpp"
#include "method_memory.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model/layout.hpp"
#include "zofo/model_io/model_outline.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tensor/memory_plan.hpp"
#include "zofo/train/peak_memory.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  std::string out = ".", model;
  bool json = false, no_speed = false;
  DeviceFlags device;
};

// The device that a run with these flags would use. One that was asked for and cannot be used is a problem.
Device choose(const DeviceFlags& flags, Findings& f) {
  Device device = Device::cpu;
  try {
    device = flags.choose();
  } catch (const Error& error) {
    f.fail(error.what(),
           "leave out --device and --precision, or repair the GPU's driver (docs/guide/cuda.md)");
  }
  f.facts["would_run"]["device"] = llm::to_text(kind_of(device));
  f.facts["would_run"]["precision"] = llm::to_text(precision_of(device));
  return device;
}

// Which methods fit into the memory of `device`, for batches of 8 sequences of 64 tokens.
void examine_model(const std::string& path, Device device, Findings& f) {
  constexpr std::uint32_t sequences = 8;
  constexpr std::size_t tokens = 64;
  llm::RunOptions asked;
  asked.batch_size = sequences;
  if (device == Device::cuda_fp32) asked.precision = llm::Precision::fp32;
  const llm::ModelShape model = llm::read_shape(path);
  const EncodedTask task = assumed_task(tokens);
  const std::size_t usable = usable_memory(device);
  const auto program = static_cast<std::size_t>(llm::peak_mib() * 1024.0 * 1024.0);
  nlohmann::json& facts = f.facts["model"];
  facts = {{"path", path},
           {"weights", model::Layout(model.config).size()},
           {"sequences", sequences},
           {"tokens", tokens},
           {"usable", usable}};
  std::size_t least = 0;
  bool lora = true;
  for (const MethodMemory& each : memory_of_methods(model, asked, task, program)) {
    const std::optional<std::size_t> needed = device == Device::cpu ? each.cpu : each.gpu;
    if (!needed || each.options.trains() == llm::Trains::nothing) continue;
    const std::size_t bytes = *needed;
    const bool fits = usable == 0 || bytes <= usable;
    facts["methods"].push_back(
        {{"method", llm::to_text(each.options.method)}, {"memory", bytes}, {"fits", fits}});
    least = least == 0 ? bytes : std::min(least, bytes);
    if (each.options.method == llm::Method::lora) lora = fits;
  }
  if (usable > 0 && least > usable)
    f.fail(
        fmt::format("no method fits for {}: the smallest needs {}, {} can be used", path,
                    tensor::bytes_text(least), tensor::bytes_text(usable)),
        "take a smaller model, a smaller --batch-size or --max-prompt-tokens, or a machine with more memory");
  else if (!lora)
    f.warn(fmt::format("gradient steps of LoRA do not fit for {} at a batch of {} x {} tokens", path,
                       sequences, tokens),
           "--gradient-checkpointing and a smaller --batch-size, or --method mezo; zofo methods --advise "
           "compares");
}

int run(const Arguments& arguments) {
  Findings f;
  examine_host(arguments.out, f);
  examine_gpus(f);
  const Device device = choose(arguments.device, f);
  if (!arguments.model.empty()) examine_model(arguments.model, device, f);
  if (!arguments.no_speed) measure(device, f);
  const bool prevented = std::ranges::any_of(f.problems, &Problem::prevents);
  if (arguments.json) {
    nlohmann::json problems = nlohmann::json::array();
    for (const Problem& p : f.problems)
      problems.push_back({{"prevents", p.prevents}, {"what", p.what}, {"todo", p.todo}});
    f.facts["problems"] = problems;
    write_text(parse::json_text(f.facts, 2) + "\n");
  } else {
    write_text(report_text(f));
  }
  return prevented ? 1 : 0;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  const Subcommand command(app, "doctor",
                           "Report what the machine has, what would run, how fast, and what is wrong");
  auto arguments = std::make_shared<Arguments>();
  command.add("--out", arguments->out, "folder in which runs will be written; default: this one");
  command.add("--model", arguments->model,
              "GGUF file or Hugging Face folder: report which methods would fit into memory");
  arguments->device.add(command);
  command.add("--no-speed", arguments->no_speed, "measure nothing, which saves about three seconds");
  command.add("--json", arguments->json, "print the report as one JSON object");
  command.footer(
      "The exit code is 1 if something prevents a run, else 0; warnings do not change it.\n"
      "Example: zofo doctor --no-speed");
  command.on_selection(action, [arguments] { return run(*arguments); });
}

}  // namespace zofo::cli
