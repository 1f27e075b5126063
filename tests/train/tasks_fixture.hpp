// Tasks with their own answer choices for the tiny generated model.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tiny_fixture.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/run/resume.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/few_shot_adaptation.hpp"
#include "zofo/train/load_tasks.hpp"
#include "zofo/train/run_task.hpp"
#include "zofo/train/training.hpp"

namespace zofo::testing {

// A run of few and small steps.
inline llm::RunOptions short_run(std::uint32_t steps, llm::Method method = llm::Method::bilevel) {
  llm::RunOptions o = llm::preset(llm::Command::meta_train, method);
  o.max_steps = steps;
  o.inner_steps = 2;
  o.lora_rank = 2;
  o.lower_learning_rate = o.upper_learning_rate = 0.01;
  o.zo_learning_rate = 1e-4;
  o.batch_size = 4;
  o.max_eval_samples = 6;
  return o;
}

struct TasksFixture : TinyFixture {
  llm::Model loaded = model();
  std::vector<std::string> names;

  explicit TasksFixture(const std::string& name) : TinyFixture(name) {
    add("good", "[\" no\", \" yes\"]", 24, 1);
    add("three", "[\" stone\", \" river\", \" cloud\"]", 36, 2);
    add("words", "[\" superb light\", \" awful\"]", 15, 3);
  }
  // A task whose examples contain a word for their label.
  void add(const std::string& name, const std::string& options, std::size_t examples, unsigned shift) {
    const std::filesystem::path at = folder / name;
    std::filesystem::create_directories(at);
    const auto classes = static_cast<std::size_t>(std::ranges::count(options, ',')) + 1;
    std::string labels;
    for (std::size_t c = 0; c < classes; ++c) labels += std::to_string(c) + " = " + std::to_string(c) + "\n";
    std::ofstream(at / "task.toml") << "name = \"" + name +
                                           "\"\nprompt = \" {text} :\"\noptions = " + options +
                                           "\nlabel_field = \"label\"\n[label_map]\n" + labels;
    write_examples(at / "train.jsonl", examples, classes, shift);
    write_examples(at / "validation.jsonl", 12, classes, shift + 1);
    names.push_back(at.string());
  }
  [[nodiscard]] std::vector<llm::RunTask> tasks(const llm::RunOptions& options) const {
    return llm::encode_tasks(loaded, llm::load_tasks(paths(), options), options);
  }
  [[nodiscard]] llm::InputPaths paths() const { return {"", names, "", folder.string()}; }

  struct Ended {
    llm::RunResult result;
    std::vector<float> theta;
    std::filesystem::path run;

    [[nodiscard]] std::string bytes(const std::string& file) const { return parse::read_file(run / file); }
    [[nodiscard]] double loss_before() const { return llm::mean_loss(result.before); }
    [[nodiscard]] double loss() const { return llm::mean_loss(result.after); }
  };
  // A whole run on the CPU in its own folder, or the rest of an interrupted one.
  [[nodiscard]] Ended train(
      const std::string& out, const llm::RunOptions& options,
      const std::function<bool()>& interrupted = [] { return false; }, bool resume = false) const {
    options.check();
    llm::CpuDevice device;
    llm::Model fresh = model();
    const std::vector<llm::RunTask> list = tasks(options);
    const llm::RunFolder run = resume ? llm::RunFolder::open(folder / out) : llm::RunFolder(folder / out);
    llm::ResumeInfo resume_info;
    resume_info.base_model = "tiny";
    resume_info.theta_0 = [this] { return model().parameters; };
    if (resume) {
      resume_info.saved = llm::read_state(run);
      llm::check_changes(llm::options_of(*resume_info.saved), options, *resume_info.saved);
    }
    llm::Progress silent("", nullptr);
    llm::Training<llm::CpuDevice> training(device, {fresh, list, options, run, silent}, interrupted,
                                           resume_info);
    Ended ended{training.run(), {}, run.path()};
    ended.theta.assign(training.theta().values().begin(), training.theta().values().end());
    return ended;
  }

 private:
  static void write_examples(const std::filesystem::path& file, std::size_t examples, std::size_t classes,
                             unsigned shift) {
    const char* const signs[] = {"green", "seven", "glass"};
    const char* const other[] = {"paper", "table", "north", "sound", "field"};
    std::ofstream out(file);
    for (std::size_t i = 0; i < examples; ++i)
      out << "{\"text\": \"" << other[(i + shift) % 5] << ' ' << signs[i % classes] << ' '
          << other[(3 * i + shift) % 5] << "\", \"label\": " << i % classes << "}\n";
  }
};

}  // namespace zofo::testing
