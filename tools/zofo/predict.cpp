// zofo predict: an answer for each row of a file, and how well they agree with the labels that the rows have.
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "device_flags.hpp"
#include "run_flags.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/data/row_source.hpp"
#include "zofo/data/task.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/train/evaluate_model.hpp"
#include "zofo/train/predict.hpp"

namespace zofo::cli {
namespace {

struct Predict {
  llm::InputPaths paths;
  RunFlags from;
  std::string rows, split, format;  // a file, or a split of the task
  std::string output, metrics;
  PromptFlags prompts;
  bool calibrate = false;

  // Throws Error for flags that contradict each other.
  void check() const {
    require(
        rows.empty() != split.empty(),
        "ROWS and --split: exactly one must be given: a file (- is standard input), or validation or test");
    if (!split.empty()) check_split(split);
    require(format.empty() || format == "jsonl" || format == "csv" || format == "tsv",
            "--input-format {}: must be jsonl, csv or tsv", format);
    require(split.empty() || format.empty(), "--input-format: only for ROWS: a split's file has its format");
    require(output.empty() || !same_file(output, metrics),
            "--output and --metrics: both name {}: each needs a file of its own", output);
    for (const auto& [flag, file] : {std::pair{"--output", &output}, {"--metrics", &metrics}})
      require(file->empty() || !same_file(*file, rows), "{} {}: would replace the rows", flag, *file);
  }

  template <class Device>
  int on(Device& device) const {
    check();
    static_cast<void>(from.model_path(paths.model));  // a missing model is the first error
    const llm::TaskChoice chosen = llm::choose_task(paths, from.run);
    data::TaskData data = prompts.load(chosen, "");
    for (const std::string& note : data.notes) fmt::print(stderr, "zofo: {}\n", note);
    llm::require_calibratable(data.task, {0, calibrate});
    const std::string input = rows.empty() ? data::split_file(chosen.place, split).string() : rows;
    data.held_out = rows == "-" ? "stdin" : input;  // for messages
    const std::unique_ptr<data::RowSource> source = data::open_rows(input, row_format());
    llm::RunModel<Device> of(device, from.load(paths.model), from.parts());
    std::optional<AtomicFile> file, figures;  // opened before the work, which a wrong path would waste
    if (!output.empty()) file.emplace(output);
    if (!metrics.empty()) figures.emplace(metrics);
    const llm::Predictions predictions = llm::predict_rows(
        of, data, *source, {.calibrate = calibrate},
        [&file](const std::string& line) { file ? file->write(line + "\n") : write_text(line + "\n"); },
        [&file] {
          if (!file) flush_output();
        });
    if (file) file->commit();
    report(data.task, predictions, {data.held_out, split}, figures ? &*figures : nullptr);
    return exit_of_lines(predictions.errors);
  }

 private:
  [[nodiscard]] std::optional<data::RowFormat> row_format() const {
    if (format.empty()) return {};
    return format == "jsonl" ? data::RowFormat::json_lines
           : format == "csv" ? data::RowFormat::csv
                             : data::RowFormat::tsv;
  }
  static void report(const data::Task& task, const llm::Predictions& predictions,
                     const llm::PredictionSource& source, AtomicFile* figures) {
    if (figures != nullptr) {
      figures->write(parse::json_text(llm::metrics_json(task, predictions, source), 2) + "\n");
      figures->commit();
    } else if (predictions.labelled() > 0) {
      fmt::print(stderr, "{}", llm::metrics_table(task, predictions, source));
    }
  }
};

}  // namespace

void add_predict(CLI::App& app, Action& action) {
  const Subcommand command(app, "predict", "Answer each row of a file, and compare with its labels");
  auto arguments = std::make_shared<Predict>();
  auto device = std::make_shared<DeviceFlags>();
  command.add("ROWS", arguments->rows,
              "file with the rows: .jsonl, .csv or .tsv; - is standard input; labels may be missing");
  command.add("--split", arguments->split, "instead of ROWS: the task's own examples, validation or test");
  command.add("--input-format", arguments->format,
              "jsonl, csv or tsv; default: by the ending of ROWS, jsonl for standard input");
  command.add_input_paths(arguments->paths, false);
  arguments->from.add(command);
  command.add("--output", arguments->output,
              "file for the answers, which appears when all are there; default: standard output");
  command.add("--metrics", arguments->metrics,
              "JSON file for the metrics of labelled rows; default: a table on standard error");
  arguments->prompts.add(command);
  command.add("--calibrate", arguments->calibrate,
              "subtract each choice's score under a content-free prompt (PMI_DC)");
  device->add(command);
  command.footer(
      "Prints a JSON object for each row: {\"answer\": TEXT, \"index\": i, \"choices\": [...], \"scores\": "
      "[...],\n"
      "\"probabilities\": [...]}, or {\"text\": TEXT, ...} where the model generates the answer. The row's "
      "own "
      "fields\n"
      "come along; one of the same name as row.NAME. A row that cannot be answered gets {\"error\": TEXT} in "
      "its\n"
      "place; the exit code is then 1.\n"
      "Example: zofo predict new.csv --run runs/sst2");
  command.on_selection(action, [arguments, device] {
    arguments->check();
    return on_device(device->choose(), *arguments);
  });
}

}  // namespace zofo::cli
