#include "zofo/compare/run_record.hpp"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "catch.hpp"
#include "contains.hpp"
#include "zofo/compare/report_json.hpp"
#include "zofo/compare/summary.hpp"
#include "zofo/compare/table.hpp"
#include "zofo/core/error_type.hpp"

using namespace zofo::compare;

namespace {

const std::string good_result =
    R"({"model": "m", "task": "t", "seed": 3, "methods": [{"method": "lora", "accuracy": 0.75, "macro_f1": 0.7,
        "loss": 0.5, "rows": 24, "seconds": 1.5, "passes": 40, "peak_mib": 100.5, "steps": 4, "served": "lower",
        "interrupted": false, "later": [1, {"x": null}]}]})";
const std::string good_metrics =
    "{\"event\":\"curve\",\"seconds\":0,\"passes\":0,\"accuracy\":0.5,\"macro_f1\":0.4,\"loss\":1.0,\"rows\":"
    "8}\n"
    "{\"event\":\"step\",\"step\":0,\"seconds\":0.4,\"passes\":10,\"rho\":null}\n"
    "{\"event\":\"curve\",\"seconds\":1.5,\"passes\":40,\"accuracy\":0.75,\"macro_f1\":0.7,\"loss\":0.5,"
    "\"rows\":8}\n"
    "{\"event\":\"final\",\"seconds\":1.5,\"passes\":40,\"accuracy\":0.75,\"macro_f1\":0.7,\"loss\":0.5,"
    "\"rows\":24}\n";

struct Run {
  std::filesystem::path path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "zofo-run-XXXXXX").string();
    return std::filesystem::path(mkdtemp(name.data()));
  }();
  Run(const std::string& result, const std::string& metrics) {
    std::ofstream(path / "result.json") << result;
    std::ofstream(path / "metrics.jsonl") << metrics;
  }
  ~Run() { std::filesystem::remove_all(path); }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string record_refusal(const std::string& result, const std::string& metrics) {
  const Run run(result, metrics);
  try {
    read_run(run.path, "lora", 3);
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return "nothing was refused";
}
std::string bad_result(const std::string& from, const std::string& to) {
  return record_refusal(replaced(good_result, from, to), good_metrics);
}
std::string bad_metrics(const std::string& from, const std::string& to) {
  return record_refusal(good_result, replaced(good_metrics, from, to));
}

}  // namespace

TEST_CASE("a finished run is read", "[compare]") {
  const Run run(good_result, good_metrics);
  const RunRecord record = read_run(run.path, "lora", 3);
  CHECK(record.figures.accuracy == 0.75);
  CHECK(record.rows == 24);
  CHECK(record.passes == 40);
  CHECK(record.peak_mib == 100.5);
  CHECK(record.steps == 4);
  REQUIRE(record.curve.size() == 2);
  CHECK(record.curve[1].seconds == 1.5);
  CHECK(record.curve[1].passes == 40);
  CHECK(record.line(&CurvePoint::passes, &Figures::loss).y == std::vector<double>{1.0, 0.5});
}

TEST_CASE("generated answers are compared by F1 and exact match", "[compare]") {
  const Run run(
      replaced(good_result, "\"accuracy\": 0.75", "\"accuracy\": null, \"f1\": 0.625, \"exact_match\": 0.5"),
      good_metrics);
  const RunRecord record = read_run(run.path, "lora", 3);
  const Row row = make_row("t", "lora", {&record});
  CHECK(row.f1.mean == 0.625);
  CHECK(row.exact_match.mean == 0.5);
  CHECK_THAT(table_text({row}), contains("F1") && contains("0.625") && !contains("accuracy"));
  CHECK(to_json(row).at("exact_match").at("mean") == 0.5);
}

TEST_CASE("a task without an accuracy has none, and no curve of it", "[compare]") {
  const Run run(replaced(good_result, "0.75", "null"),
                replaced(good_metrics, "\"accuracy\":0.5", "\"accuracy\":null"));
  const RunRecord record = read_run(run.path, "lora", 3);
  CHECK(std::isnan(record.figures.accuracy));
  CHECK(record.line(&CurvePoint::seconds, &Figures::accuracy).x == std::vector<double>{1.5});
  const Row row = make_row("t", "lora", {&record});
  CHECK(row.accuracy.count == 0);
  CHECK_THAT(table_text({row}), contains("0.500") && !contains("nan"));
}

TEST_CASE("an invalid result is refused, and the message names file and field", "[compare]") {
  CHECK_THAT(bad_result("0.75", "1.5"), contains("result.json") && contains("accuracy = 1.5"));
  CHECK_THAT(bad_result("0.75", "\"high\""), contains("accuracy"));
  CHECK_THAT(bad_result("\"rows\": 24", "\"rows\": -1"), contains("rows = -1"));
  CHECK_THAT(bad_result("\"seconds\": 1.5", "\"seconds\": 1e300"), contains("seconds"));
  CHECK_THAT(bad_result("\"seconds\": 1.5, ", ""), contains("'seconds' is missing"));
  CHECK_THAT(bad_result("\"lora\"", "\"mezo\""), contains("method = \"mezo\": must be \"lora\""));
  CHECK_THAT(bad_result("\"seed\": 3", "\"seed\": 4"), contains("seed = 4: must be 3"));
  CHECK_THAT(bad_result("\"seed\": 3", "\"seed\": 3, \"seed\": 3"), contains("duplicate key \"seed\""));
  CHECK_THAT(record_refusal(good_result.substr(0, 60), good_metrics),
             contains("result.json") && contains("broken JSON"));
  CHECK_THAT(record_refusal("[]", good_metrics), contains("must be a JSON object"));
  CHECK_THAT(record_refusal(R"({"seed": 3, "methods": []})", good_metrics),
             contains("must be a list of one"));
  CHECK_THAT(record_refusal(R"({"seed": 3, "methods": [7]})", good_metrics),
             contains("must be a JSON object"));
}

TEST_CASE("an invalid curve is refused, and the message names file and line", "[compare]") {
  CHECK_THAT(bad_metrics("\"seconds\":1.5", "\"seconds\":-1.5"), contains("metrics.jsonl:3: seconds = -1.5"));
  CHECK_THAT(bad_metrics("\"passes\":40", "\"passes\":\"x\""), contains("metrics.jsonl:3: passes"));
  CHECK_THAT(bad_metrics("\"passes\":40,", ""),
             contains("metrics.jsonl:3") && contains("'passes' is missing"));
  CHECK_THAT(bad_metrics("\"seconds\":0,", "\"seconds\":2,"),
             contains("metrics.jsonl:3") && contains("must not fall"));
  CHECK_THAT(bad_metrics("\"loss\":1.0,\"rows\":8}", "\"loss\":1.0"),
             contains("metrics.jsonl:1") && contains("broken JSON"));
  CHECK_THAT(record_refusal(good_result, std::string(200, '[') + "\"curve\"\n"), contains("deeper"));
  CHECK_THAT(record_refusal(good_result, std::string(1 << 17, ' ') + "\n"),
             contains("metrics.jsonl:1") && contains("bytes"));
  CHECK(record_refusal(good_result, "") == "nothing was refused");
}

TEST_CASE("rows of the table are means over seeds, computed by hand", "[compare]") {
  const auto record = [](double accuracy, double at, double peak) {
    RunRecord r;
    r.figures = {accuracy, accuracy, 1 - accuracy};
    r.rows = 24;
    r.seconds = 30;
    r.passes = 300;
    r.steps = 10;
    r.peak_mib = peak;
    r.curve = {
        {0, 0, {0.2, 0.2, 1}}, {at, 10 * at, {accuracy, accuracy, 0.5}}, {30, 300, {accuracy, 0.1, 0.4}}};
    return r;
  };
  const RunRecord first = record(0.8, 10, 100), second = record(0.9, 20, 130);
  const Row row = make_row("t", "lora", {&first, &second});
  CHECK(row.accuracy.mean == Approx(0.85));
  CHECK(*row.accuracy.error == Approx(0.05));
  CHECK(row.seconds_to_95.mean == Approx(15));
  CHECK(*row.seconds_to_95.error == Approx(5));
  CHECK(row.passes_to_95.mean == Approx(150));
  CHECK(row.peak_mib == 130);
  CHECK_THAT(table_text({row}), contains("0.850 ± 0.050") && contains("15.0 ± 5.0") && contains("130"));
  RunRecord other = second;
  other.rows = 25;
  CHECK_THROWS_WITH(make_row("t", "lora", {&first, &other}), contains("24") && contains("25"));
}
