/// @file Runs a comparison: starts the pending runs, each in its own process, and collects their results.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zofo/compare/plan.hpp"
#include "zofo/compare/summary.hpp"

namespace zofo::compare {

/// How a plan is run. None of these settings changes the results, except for their times.
struct ComparisonSettings {
  std::filesystem::path out;        ///< folder to create, or to resume in
  std::string program;              ///< path of the program `zofo`, which makes the runs
  std::string version = {};         ///< of the program, for compare.json
  std::string report_script = {};   ///< path of compare_report.py, for report.html
  std::size_t jobs = 1;             ///< concurrent runs
  std::vector<std::string> gpus{};  ///< CUDA_VISIBLE_DEVICES of the runs, in rotation; empty: unchanged
  /// When it returns true, running processes are interrupted and none is started.
  std::function<bool()> interrupted = [] { return false; };
  /// Called with one line of progress, e.g. for each run that starts or ends.
  std::function<void(const std::string&)> report = [](const std::string&) {};
};

/// A plan's runs in a folder. The same plan and folder resume an interrupted comparison.
class Comparison {
 public:
  /// Opens or creates the folder. Throws Error when it belongs to another plan.
  Comparison(Plan plan, ComparisonSettings settings);
  Comparison(Comparison&&) = delete;
  Comparison& operator=(Comparison&&) = delete;
  ~Comparison();

  /// Makes the pending runs and writes compare.json. Runs that fail stay pending for the next call of the
  /// program.
  void run();
  /// The number of finished runs.
  [[nodiscard]] std::size_t finished() const;
  /// The number of all runs.
  [[nodiscard]] std::size_t size() const;
  /// The table: a row for every task and method.
  [[nodiscard]] std::vector<Row> rows() const;
  /// The path of compare.json.
  [[nodiscard]] std::filesystem::path json_file() const;
  /// Throws Error with the list of failed runs, if there are any.
  void check_failures() const;
  /// Writes report.html with a Python that has matplotlib; reports the reason when that is not possible.
  void write_report() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Compares the methods of a checked plan over its tasks and seeds, each run in its own process. Throws Error
/// when the folder belongs to another plan, and at the end when a run failed.
std::vector<Row> compare(Plan plan, ComparisonSettings settings);

}  // namespace zofo::compare
