// One fine-tuning run on a device.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli.hpp"
#include "curves.hpp"
#include "zofo/data/shots.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/train/fine_tuning.hpp"

namespace zofo::cli {

// What `zofo finetune` does once its arguments are read.
struct Finetune {
  Place place;
  std::string out;
  bool json = false;
  bool memory_plan = false;  // print what the card will hold, and stop
  llm::Options options;
  std::optional<checkpoint::RunState> saved;  // of the run in `out`, to go on from

  // Returns the exit code. A new run's folder is made first, and removed if the run never began.
  template <class Device>
  int on(Device& device) const {
    const llm::RunFolder folder = saved ? llm::RunFolder::open(out) : llm::RunFolder(out);
    catch_interrupt();
    llm::Progress progress(title_of(options.method));
    try {
      llm::Model model = llm::load_model(place.model);
      data::TaskData data =
          data::load_task(place.task, place.data_folder(), place.tasks, options.template_name);
      data::take_demonstrations(data, options.demonstrations, options.seed);
      data::take_shots(data, options.shots, options.seed);
      for (const std::string& note : data.notes) progress.note(note);
      llm::FineTuning tuning(device, model, data, options, folder, progress, interrupted, origin());
      if (memory_plan) return say_plan(device, folder);
      const llm::MethodResult result = tuning.run();
      write_results(folder, result);
      if (result.interrupted) {
        progress.note(
            fmt::format("interrupted after step {}; zofo finetune --resume {} goes on", result.steps, out));
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
  [[nodiscard]] llm::Origin origin() const {
    return {place_to_json(place), saved, [file = place.model] { return llm::load_model(file).parameters; }};
  }
  void write_results(const llm::RunFolder& folder, const llm::MethodResult& result) const {
    const nlohmann::json report = {
        {"model", place.model}, {"task", place.task}, {"seed", options.seed}, {"methods", {to_json(result)}}};
    folder.write("result.json", report.dump(2) + "\n");
    folder.write("curve.svg", llm::curve_svg(fmt::format("{} on {}", options.method, place.task),
                                              {read_curve(title_of(options.method), folder.path())}));
  }
  template <class Device>
  int say_plan(const Device& device, const llm::RunFolder& folder) const {
    if (!saved) std::filesystem::remove_all(folder.path());  // this process made it
    if constexpr (requires { device.plan(); })
      write_out("{}", device.plan().table());
    else
      fail("--memory-plan: only a card's memory is planned (--device cuda)");
    return 0;
  }
  void say(const llm::MethodResult& result) const {
    if (json) return write_out("{}\n", to_json(result).dump());
    const llm::Scores& scores = result.scores;
    std::string figures;
    if (!std::isnan(scores.accuracy))
      figures = fmt::format("accuracy {:.3f}, macro-F1 {:.3f}, ", scores.accuracy, scores.macro_f1);
    if (scores.answers)
      figures +=
          fmt::format("exact match {:.3f}, F1 {:.3f}, ", scores.answers->exact_match, scores.answers->f1);
    write_out("{}: {}loss {:.3f} on {} rows ({} served); {:.1f} s, {} steps\n", title_of(options.method),
              figures, scores.loss, scores.rows, result.served, result.seconds, result.steps);
  }
};

}  // namespace zofo::cli
