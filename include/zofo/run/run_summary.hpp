/// @file What a run folder holds, in any state of the run.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/config/enum_text.hpp"
#include "zofo/run/plot.hpp"

namespace zofo::llm {

/// How far a run has come.
enum class RunStatus : std::uint8_t {
  finished,     ///< complete
  running,      ///< a process writes it now
  interrupted,  ///< ended by Ctrl-C; it can be resumed
  stopped,      ///< not complete, and no process writes it; it has a saved state and can be resumed
  lost          ///< the same, without a saved state
};
/// Names of the values of RunStatus.
template <>
inline constexpr std::array<std::string_view, 5> enum_names<RunStatus>{"finished", "running", "interrupted",
                                                                       "stopped", "lost"};

/// Scores of held-out examples after some steps. NaN: the task has no such metric.
struct HeldOut {
  std::uint64_t steps = 0;                                              ///< outer steps taken
  double seconds = 0.0;                                                 ///< of training
  double loss = std::numeric_limits<double>::quiet_NaN();               ///< mean over the examples
  double accuracy = std::numeric_limits<double>::quiet_NaN();           ///< fraction of correct answers
  double balanced_accuracy = std::numeric_limits<double>::quiet_NaN();  ///< of several tasks: their mean
  double f1 = std::numeric_limits<double>::quiet_NaN();                 ///< of answers as text
};

/// The metric by which held-out scores are compared: the first that the scores have of accuracy, balanced
/// accuracy, F1 and loss.
struct HeadlineMetric {
  const char* name = "loss";                 ///< as metrics.jsonl names it
  double HeldOut::* value = &HeldOut::loss;  ///< of the scores
  bool more_is_better = false;               ///< else less

  /// Of these scores.
  explicit HeadlineMetric(const HeldOut& scores);
  /// The best of several scores, the first of equal ones; none where none has the metric.
  [[nodiscard]] std::optional<HeldOut> best(const std::vector<HeldOut>& scores) const;
};

/// What is known of a run. Text is empty and numbers are NaN where the folder does not have it.
struct RunSummary {
  std::filesystem::path folder;                                       ///< of the run
  RunStatus status = RunStatus::lost;                                 ///< how far it has come
  bool stopped_early = false;                                         ///< finished by early stopping
  std::string command;                                                ///< finetune, meta-train, …
  std::string method;                                                 ///< as --method names it
  std::string adapter;                                                ///< lora, prefix, prompt or none
  std::string model;                                                  ///< its path
  std::vector<std::string> tasks;                                     ///< names, or paths of their folders
  std::optional<std::uint64_t> seed;                                  ///< of the run
  std::uint64_t steps = 0;                                            ///< outer steps that metrics.jsonl has
  double seconds = std::numeric_limits<double>::quiet_NaN();          ///< of training
  double scoring_seconds = std::numeric_limits<double>::quiet_NaN();  ///< of scoring held-out examples
  double passes = std::numeric_limits<double>::quiet_NaN();           ///< forward passes
  double peak_mib = std::numeric_limits<double>::quiet_NaN();         ///< peak memory
  std::vector<HeldOut> curve;            ///< on the first `curve_samples` held-out examples
  std::optional<HeldOut> result;         ///< of the selected model on all held-out examples
  const char* training_loss = "";        ///< which loss `training` is, as metrics.jsonl names it
  std::vector<PlotPoint> training;       ///< the training loss against outer steps
  std::vector<PlotPoint> training_time;  ///< the same against seconds of training
  std::vector<std::string> missing;      ///< what is absent or damaged, in words

  /// The scores that `best` is chosen of: the curve, or where there is none the result.
  [[nodiscard]] std::vector<HeldOut> scores() const;
  /// The metric of scores().
  [[nodiscard]] HeadlineMetric metric() const;
};

/// True if the folder has a file that only run folders have.
[[nodiscard]] bool is_run_folder(const std::filesystem::path& folder);

/// The run folders in `folder`, at most four folders deep and in the order of their names; the folder itself
/// if it is one and has no others inside. Throws Error if it is no folder, or has none.
[[nodiscard]] std::vector<std::filesystem::path> run_folders_in(const std::filesystem::path& folder);

/// Reads a run folder. What is absent or damaged is noted in `missing` and never an error.
[[nodiscard]] RunSummary read_summary(const std::filesystem::path& folder);

}  // namespace zofo::llm
