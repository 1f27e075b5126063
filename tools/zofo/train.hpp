// One training run on a device, by `zofo finetune` or `zofo meta-train`.
#pragma once

#include <optional>
#include <string>

#include "cli.hpp"
#include "zofo/train/train_run.hpp"

namespace zofo::cli {

// What both commands do once their arguments are read.
struct Train {
  llm::InputPaths paths;
  std::string out;
  bool json = false;
  bool memory_plan = false;  // print what the GPU will hold, and stop
  llm::RunOptions options;
  std::optional<checkpoint::RunState> saved;  // of the run in `out`, to continue it

  // Returns the exit code.
  template <class Device>
  int on(Device& device) const {
    if (!saved) llm::RunFolder::require_new(out);
    catch_interrupt();
    llm::Progress progress{std::string(llm::info(options.method).title)};
    llm::Model model = llm::load_model(paths.model);
    std::vector<data::TaskData> tasks = llm::load_tasks(paths, options);
    const llm::RunSettings settings{out, paths, &progress, interrupted, saved};
    if (memory_plan) {
      write_out("{}", llm::memory_plan(device, model, std::move(tasks), options, settings));
      return 0;
    }
    const llm::RunResult result = llm::train_run(device, model, std::move(tasks), options, settings);
    if (result.interrupted) {
      progress.note(fmt::format("interrupted after step {}; zofo {} --resume {} goes on", result.steps,
                                options.command, out));
      return exit_interrupted;
    }
    print(result);
    return 0;
  }

 private:
  // Defined in train.cpp.
  void print(const llm::RunResult& result) const;
};

}  // namespace zofo::cli
