// Runs of one task.
#include <fstream>

#include "catch.hpp"
#include "tiny_fixture.hpp"
#include "zofo/config/make_adapter.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/peft/peft_config.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/split.hpp"
#include "zofo/train/training.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

RunOptions short_run(Method method) {
  RunOptions options = preset(method);
  options.max_steps = 3;
  options.inner_steps = 2;
  options.batch_size = 4;
  options.num_directions = 2;
  options.zo_learning_rate = 1e-4;
  options.curve_points = 0;
  return options;
}

}  // namespace

TEST_CASE("a run folder is never made over another", "[train]") {
  const testing::TinyFixture files("run_folder");
  const RunFolder first(files.folder / "run");
  first.write("kept", "as it was");
  CHECK_THROWS_AS(RunFolder(files.folder / "run"), Error);
  CHECK(parse::read_file(files.folder / "run" / "kept") == "as it was");
  CHECK_THROWS_AS(RunFolder(files.folder / "tiny.gguf"), Error);
  CHECK_THROWS_AS(RunFolder(files.folder / "tiny.gguf" / "run"), Error);
}

TEST_CASE("a write that the disk refuses is an error", "[train]") {
  AppendFile full("/dev/full");
  CHECK_THROWS_AS(full.line("text"), Error);
}

TEST_CASE("what a run serves reads back, whatever its adapter, and broken files are refused", "[train]") {
  const testing::TinyFixture files("served");
  const model::Config config = files.model().parameters.config();
  for (const char* kind : {"lora", "prefix", "prompt"}) {
    INFO(kind);
    RunOptions options;
    options.adapter = enum_from<AdapterKind>("adapter", kind);
    SelectedModel written{Selected::upper, 7, 0.25, 0.5, 3};
    const peft::Adapter layout = make_adapter(config, options);
    const auto size = static_cast<Eigen::Index>(peft::size(layout));
    written.adapter = {layout, Eigen::VectorXf::LinSpaced(size, -1.0F, 1.0F)};
    const auto run = files.folder / kind;
    std::filesystem::create_directory(run);
    write_selected(run, config, written, "base");
    const SelectedModel read = read_selected(run, config);
    CHECK(read.selected == Selected::upper);
    CHECK(read.steps == 7);
    REQUIRE(read.adapter);
    CHECK(peft::name(peft::kind(read.adapter->layout)) == kind);
    CHECK(read.adapter->values == written.adapter->values);

    const std::string text = parse::read_file(run / selected_file);
    for (std::size_t length = 0; length + 2 < text.size(); ++length) {
      write_atomically(run / selected_file, std::string_view(text).substr(0, length));
      CHECK_THROWS_AS(read_selected(run, config), Error);
    }
    write_atomically(run / selected_file, text);
    std::filesystem::remove(run / adapter_folder / peft::peft_weights_file);
    CHECK_THROWS_AS(read_selected(run, config), Error);
  }
}

TEST_CASE("every method trains, and its trajectory replays to the same backbone", "[train]") {
  const testing::TinyFixture files("methods");
  for (const Method method : {Method::bilevel, Method::lora, Method::mezo})
    for (const DirectionKind direction : {DirectionKind::gaussian, DirectionKind::rademacher}) {
      Model model = files.model();
      RunOptions options = short_run(method);
      options.direction = direction;
      options.forward_difference = direction == DirectionKind::rademacher;
      const std::vector<RunTask> tasks = encode_tasks(model, {files.data()}, options);
      const RunFolder folder(files.folder / fmt::format("{} {}", method, direction));
      Progress silent("test", nullptr);
      CpuDevice device;
      Training<CpuDevice> training(device, {model, tasks, options, folder, silent}, [] { return false; });
      const RunResult result = training.run();
      CHECK(result.steps == 3);
      REQUIRE(result.after.size() == 1);
      CHECK(result.after[0].examples == 12);
      CHECK((result.update_norm > 0.0) == options.updates_backbone());

      Model fresh = files.model();
      const SelectedModel restored = restore(folder.path(), fresh.parameters);
      const auto trained = training.theta().values();
      const auto replayed = fresh.parameters.values();
      CHECK(std::equal(trained.begin(), trained.end(), replayed.begin()));
      CHECK(restored.adapter.has_value() == (method != Method::mezo));
      CHECK(restored.selected == result.selected);
    }
}

TEST_CASE("an interrupted run keeps what it has", "[train]") {
  const testing::TinyFixture files("interrupted");
  Model model = files.model();
  const RunOptions options = short_run(Method::bilevel);
  const std::vector<RunTask> tasks = encode_tasks(model, {files.data()}, options);
  const RunFolder folder(files.folder / "run");
  Progress silent("test", nullptr);
  CpuDevice device;
  Training<CpuDevice> training(device, {model, tasks, options, folder, silent}, [] { return true; });
  const RunResult result = training.run();
  CHECK(result.interrupted);
  CHECK(result.steps == 1);
  CHECK(std::filesystem::exists(folder.file(selected_file)));
  const auto trajectory = read_trajectory(folder.file("trajectory.jsonl"));
  REQUIRE(trajectory.size() == 1);
  CHECK(trajectory[0].update.terms.size() == 2);
}

TEST_CASE("the split is disjoint, complete and a function of the seed", "[train]") {
  std::vector<EncodedExample> examples;
  for (int i = 0; i < 30; ++i) examples.push_back({{i}, 0});
  RunOptions options = preset(Method::bilevel);
  options.seed = 5;
  const Split split = split_examples(options, "task", examples);
  CHECK(split.examples.lower.size() == 20);
  CHECK(split.selection.size() == 3);
  CHECK(split.examples.upper.size() == 7);
  std::vector<int> seen;
  for (const auto* part : {&split.examples.lower, &split.selection, &split.examples.upper})
    for (const EncodedExample& row : *part) seen.push_back(row.prompt.front());
  std::ranges::sort(seen);
  for (int i = 0; i < 30; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
  CHECK(split_examples(options, "task", examples).examples.lower.front().prompt ==
        split.examples.lower.front().prompt);
  CHECK_THROWS_AS(split_examples(options, "task", {{{1}, 0}}), Error);
}
