// One meta-training run on a device.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/meta_training.hpp"

namespace zofo::cli {

// What `zofo meta-train` does once its arguments are read.
struct MetaTrain {
  std::string model, data, definitions = ZOFO_SOURCE_DIR "/tasks", out;
  std::vector<std::string> tasks;
  bool json = false;
  llm::MetaTrainOptions options;
  std::optional<checkpoint::RunState> saved;  // of the run in `out`, to go on from

  // Returns the exit code. A new run's folder is made first, and removed if the run never began.
  template <class Device>
  int on(Device& device) const {
    const llm::RunFolder folder = saved ? llm::RunFolder::open(out) : llm::RunFolder(out);
    catch_interrupt();
    llm::Progress progress(options.method);
    try {
      llm::Model loaded = llm::load_model(model);
      const std::vector<llm::MetaTaskData> list = llm::load_meta_tasks(
          loaded, tasks, data.empty() ? std::nullopt : std::optional<std::filesystem::path>(data),
          definitions, options);
      for (const llm::MetaTaskData& task : list)
        for (const std::string& note : task.data->notes) progress.note(note);
      llm::MetaTraining<Device> training(device, loaded, list, options, folder, {model, place(), saved},
                                          progress, interrupted);
      const llm::MetaResult result = training.run();
      folder.write("result.json", to_json(result).dump(2) + "\n");
      if (result.interrupted) {
        progress.note(
            fmt::format("interrupted after step {}; zofo meta-train --resume {} goes on", result.steps, out));
        return exit_interrupted;
      }
      folder.mark_done();
      say(result);
      return 0;
    } catch (...) {
      // A run that never began leaves nothing behind; the folder is this process's own, and only removed if
      // empty.
      std::error_code ignored;
      if (!saved) std::filesystem::remove(folder.path(), ignored);
      throw;
    }
  }

 private:
  [[nodiscard]] nlohmann::json place() const {
    return {{"model", model}, {"data", data}, {"definitions", definitions}, {"tasks", tasks}};
  }
  void say(const llm::MetaResult& result) const {
    if (json) return write_out("{}\n", to_json(result).dump());
    write_out("{:<24}{:>8}{:>10}{:>10}{:>12}{:>12}\n", "task", "rows", "loss", "balanced", "loss before",
              "bal. before");
    for (std::size_t i = 0; i < result.names.size(); ++i) {
      const llm::Scores& before = result.before.tasks[i];
      const llm::Scores& after = result.after.tasks[i];
      write_out("{:<24}{:>8}{:>10.3f}{:>10.3f}{:>12.3f}{:>12.3f}\n", result.names[i], after.rows, after.loss,
                after.balanced_accuracy, before.loss, before.balanced_accuracy);
    }
    write_out("{}: {} steps in {:.1f} s; mean loss {:.3f}, before {:.3f}; the backbone moved by {:.3f}\n",
              result.method, result.steps, result.seconds, result.after.mean_loss(),
              result.before.mean_loss(), result.moved);
  }
};

}  // namespace zofo::cli
