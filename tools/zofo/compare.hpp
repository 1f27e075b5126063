// A comparison at work: which runs are left, what they print, what becomes of their results.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/compare/folder.hpp"
#include "zofo/compare/plan.hpp"
#include "zofo/compare/processes.hpp"
#include "zofo/compare/summary.hpp"

namespace zofo::cli {

// How a plan is carried out: nothing of this changes what is compared.
struct Workers {
  std::size_t jobs = 1;              // runs at once
  std::vector<std::string> cards{};  // CUDA_VISIBLE_DEVICES of the runs, in turn; empty: as it is
};

class Comparison {
 public:
  // Throws Error where the folder is another plan's.
  Comparison(compare::Plan plan, Workers workers, const std::filesystem::path& out);

  // Does the runs that are left, writes compare.json and report.html, and prints the table, or the JSON.
  // Returns the exit code. Throws Error at the end if a run failed.
  int run(bool json);

 private:
  // One process: a run, or the scores of the untrained model.
  struct Piece {
    std::size_t task;
    std::optional<std::size_t> outcome;  // its number among outcomes_
    std::chrono::steady_clock::time_point began{};
  };

  void gather();
  void read(std::size_t outcome);
  void work();
  [[nodiscard]] compare::Command command(const Piece& piece, std::size_t slot) const;
  [[nodiscard]] std::vector<std::string> place(std::size_t task) const;
  [[nodiscard]] std::vector<std::string> evaluation(std::size_t task) const;
  [[nodiscard]] std::vector<std::string> training(const compare::Cell& cell) const;
  void ended(const Piece& piece, const compare::Ending& ending);
  void take(const Piece& piece);
  [[nodiscard]] std::string name(const Piece& piece) const;
  [[nodiscard]] std::filesystem::path log(const Piece& piece) const;
  [[nodiscard]] std::size_t finished() const;
  void write_json() const;
  void write_report() const;
  void check_failures() const;

  compare::Plan plan_;
  Workers workers_;
  compare::Folder folder_;
  std::vector<std::optional<compare::RunRecord>> untrained_;
  std::vector<std::string> untrained_failures_;
  std::vector<compare::Outcome> outcomes_;
  std::vector<Piece> pieces_;  // those that are left
};

}  // namespace zofo::cli
