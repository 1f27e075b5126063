#include <fstream>

#include "catch.hpp"
#include "tiny_fixture.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/train/fine_tuning.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/run/restore.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

Options short_run(const std::string& method) {
  Options options = preset(method);
  options.steps = 3;
  options.inner_steps = 2;
  options.batch = 4;
  options.queries = 2;
  options.theta_rate = 1e-4;
  options.curve_points = 0;
  return options;
}

}  // namespace

TEST_CASE("a run folder is never made over another", "[tune]") {
  const testing::TinyFixture files("run_folder");
  const RunFolder first(files.folder / "run");
  first.write("kept", "as it was");
  CHECK_THROWS_AS(RunFolder(files.folder / "run"), Error);
  CHECK(parse::read_file(files.folder / "run" / "kept") == "as it was");
  CHECK_THROWS_AS(RunFolder(files.folder / "tiny.gguf"), Error);
  CHECK_THROWS_AS(RunFolder(files.folder / "tiny.gguf" / "run"), Error);
}

TEST_CASE("a write that the disk refuses is an error", "[tune]") {
  AppendFile full("/dev/full");
  CHECK_THROWS_AS(full.line("text"), Error);
}

TEST_CASE("what a run serves reads back, whatever its adapter, and broken files are refused", "[tune]") {
  const testing::TinyFixture files("served");
  const model::Config config = files.model().parameters.config();
  for (const char* kind : {"lora", "prefix", "prompt"}) {
    INFO(kind);
    Options options;
    options.adapter = kind;
    Served written{"upper", 7, 0.25, 0.5, 3};
    const peft::Adapter layout = make_adapter(config, options);
    const auto size = static_cast<Eigen::Index>(peft::size(layout));
    written.adapter = {layout, Eigen::VectorXf::LinSpaced(size, -1.0F, 1.0F)};
    const auto run = files.folder / kind;
    std::filesystem::create_directory(run);
    write_served(run, config, written, "base");
    const Served read = read_served(run, config);
    CHECK(read.what == "upper");
    CHECK(read.steps == 7);
    REQUIRE(read.adapter);
    CHECK(peft::name(peft::kind(read.adapter->layout)) == kind);
    CHECK(read.adapter->values == written.adapter->values);

    const std::string text = parse::read_file(run / served_file);
    for (std::size_t length = 0; length + 2 < text.size(); ++length) {
      write_atomically(run / served_file, std::string_view(text).substr(0, length));
      CHECK_THROWS_AS(read_served(run, config), Error);
    }
    write_atomically(run / served_file, text);
    std::filesystem::remove(run / adapter_folder / peft::peft_weights_file);
    CHECK_THROWS_AS(read_served(run, config), Error);
  }
}

TEST_CASE("every method trains, and its trajectory replays to the same backbone", "[tune]") {
  const testing::TinyFixture files("methods");
  for (const char* method : {"bilevel", "lora", "mezo"})
    for (const char* law : {"gaussian", "rademacher"}) {
      Model model = files.model();
      const data::TaskData data = files.data();
      Options options = short_run(method);
      options.direction = law;
      options.one_sided = options.direction == "rademacher";
      const RunFolder folder(files.folder / (std::string(method) + law));
      Progress silent("test", nullptr);
      CpuDevice device;
      FineTuning tuning(device, model, data, options, folder, silent, [] { return false; });
      const MethodResult result = tuning.run();
      CHECK(result.steps == 3);
      CHECK(result.scores.rows == 12);

      Model fresh = files.model();
      const Served restored = restore(folder.path(), fresh.parameters);
      const auto trained = tuning.theta().values();
      const auto replayed = fresh.parameters.values();
      CHECK(std::equal(trained.begin(), trained.end(), replayed.begin()));
      CHECK(restored.adapter.has_value() == (options.method != "mezo"));
      CHECK(restored.what == result.served);
    }
}

TEST_CASE("an interrupted run keeps what it has", "[tune]") {
  const testing::TinyFixture files("interrupted");
  Model model = files.model();
  const data::TaskData data = files.data();
  const RunFolder folder(files.folder / "run");
  Progress silent("test", nullptr);
  const Options options = short_run("bilevel");
  CpuDevice device;
  FineTuning tuning(device, model, data, options, folder, silent, [] { return true; });
  const MethodResult result = tuning.run();
  CHECK(result.interrupted);
  CHECK(result.steps == 1);
  CHECK(std::filesystem::exists(folder.file(served_file)));
  const auto trajectory = read_trajectory(folder.file("trajectory.jsonl"));
  REQUIRE(trajectory.size() == 1);
  CHECK(trajectory[0].terms.size() == 2);
}

TEST_CASE("the split is disjoint, complete and a function of the seed", "[tune]") {
  std::vector<EncodedRow> rows;
  for (int i = 0; i < 30; ++i) rows.push_back({{i}, 0});
  const Split split = split_rows("bilevel", rows, 5);
  CHECK(split.lower.size() == 20);
  CHECK(split.decision.size() == 3);
  CHECK(split.upper.size() == 7);
  std::vector<int> seen;
  for (const auto* part : {&split.lower, &split.decision, &split.upper})
    for (const EncodedRow& row : *part) seen.push_back(row.prompt.front());
  std::ranges::sort(seen);
  for (int i = 0; i < 30; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
  CHECK(split_rows("bilevel", rows, 5).lower.front().prompt == split.lower.front().prompt);
  CHECK_THROWS_AS(split_rows("bilevel", {{{1}, 0}}, 0), Error);
}
