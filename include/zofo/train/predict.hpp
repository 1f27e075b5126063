/// @file Predictions of a model, or of the result of a run, for the rows of a file: an answer for each, and
/// how well they agree with the labels that the rows have.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "zofo/data/answer_metrics.hpp"
#include "zofo/data/row_source.hpp"
#include "zofo/data/task.hpp"
#include "zofo/train/run_model.hpp"

namespace zofo::llm {

/// How rows are answered.
struct PredictOptions {
  bool calibrate = false;  ///< as EvaluateOptions::calibrate
  bool row_fields = true;  ///< add the row's own fields to its answer
};

/// What was predicted, and how well it agrees with the labels.
struct Predictions {
  std::size_t rows = 0;               ///< that were answered, by a prediction or by an error
  std::size_t errors = 0;             ///< of these by an error
  std::vector<int> labels = {};       ///< of the labelled rows, the right choice's index; none for generation
  std::vector<int> predictions = {};  ///< the index of the chosen answer, of the same rows
  double loss = 0.0;                  ///< sum over them
  std::size_t compared = 0;           ///< rows whose text was compared with accepted answers
  data::AnswerScore answers = {};     ///< sums over these

  /// Number of rows with a label or with accepted answers.
  [[nodiscard]] std::size_t labelled() const { return labels.empty() ? compared : labels.size(); }
};

/// What was predicted and from where, for reports.
struct PredictionSource {
  std::string file;   ///< of the rows, or "stdin"
  std::string split;  ///< "validation" or "test"; empty: the rows are no split of the task
};

/// Answers every row of a task by a JSON object on a line, in order. A row with answer choices gets
/// {"answer": TEXT, "index": i, "choices": […], "scores": […], "probabilities": […]}: the choice of the
/// highest score, and of every choice its score (log-probability) and the softmax of the scores; a labelled
/// one "correct" too. A row of kind generate gets {"text": …} as generate_lines, and "exact_match" and "f1"
/// if it has accepted answers. The row's own fields come along, if the options ask for them; one of the same
/// name is called row.NAME. A row that cannot be answered gets {"error": …} in its place. `data`: the task,
/// and demonstrations before every prompt. `write(line)` gets each answer, `flush()` is
/// called after every group. A program with its own Device includes train/impl/predict.hpp.
template <class Device>
Predictions predict_rows(RunModel<Device>& of, const data::TaskData& data, data::RowSource& rows,
                         const PredictOptions& options, const std::function<void(const std::string&)>& write,
                         const std::function<void()>& flush);

/// The metrics of the labelled rows as JSON: accuracy, macro-F1, balanced accuracy, mean loss, the classes
/// with precision, recall, F1 and support, and the confusion matrix (rows: labels, columns: predictions);
/// without classes only what has a meaning.
nlohmann::json metrics_json(const data::Task& task, const Predictions& predictions,
                            const PredictionSource& source);

/// The same as a table for people.
std::string metrics_table(const data::Task& task, const Predictions& predictions,
                          const PredictionSource& source);

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_PREDICT_INSTANCES(PREFIX, DEVICE)                                           \
  PREFIX template Predictions predict_rows(                                              \
      RunModel<DEVICE>&, const data::TaskData&, data::RowSource&, const PredictOptions&, \
      const std::function<void(const std::string&)>&, const std::function<void()>&);

// zofo::llm holds those of the CPU.
ZOFO_PREDICT_INSTANCES(extern, CpuDevice)

}  // namespace zofo::llm
