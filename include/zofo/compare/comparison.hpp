/// @file A comparison at work: which runs are left, each in a process of its own, and their results.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/compare/command_line.hpp"
#include "zofo/compare/folder.hpp"
#include "zofo/compare/machine.hpp"
#include "zofo/compare/plan.hpp"
#include "zofo/compare/processes.hpp"
#include "zofo/compare/report_json.hpp"
#include "zofo/compare/run_commands.hpp"
#include "zofo/compare/run_record.hpp"
#include "zofo/compare/saved_plan.hpp"
#include "zofo/compare/summary.hpp"
#include "zofo/config/methods.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::compare {

/// How a plan is carried out: nothing of this changes what is compared.
struct ComparisonSettings {
  std::filesystem::path out;         ///< folder to make, or to continue in
  std::string program;               ///< path of the program `zofo`, which makes the runs
  std::string version = {};          ///< of the program, for compare.json
  std::string report_script = {};    ///< scripts/compare_report.py; empty: no page
  std::size_t jobs = 1;              ///< runs at once
  std::vector<std::string> gpus{};  ///< CUDA_VISIBLE_DEVICES of the runs, in turn; empty: as it is
  std::function<bool()> interrupted = [] { return false; };
  /// Gets a line about each run that begins or ends.
  std::function<void(const std::string&)> told = [](const std::string&) {};
};

/// A plan's runs in a folder. The same plan continues with a comparison that was cut short.
class Comparison {
 public:
  /// Throws Error where the folder is another plan's.
  Comparison(Plan plan, ComparisonSettings settings)
      : plan_(std::move(plan)),
        settings_(std::move(settings)),
        folder_(settings_.out, plan_,
                [this] { settings_.told("waiting for the runs of an earlier zofo compare to stop"); }),
        untrained_(plan_.tasks.size()),
        untrained_failures_(plan_.tasks.size()) {
    for (const Cell& cell : plan_.cells()) outcomes_.push_back({cell});
  }

  /// Makes the runs that are left and writes compare.json. Runs that fail are left for the next time.
  void run() {
    gather();
    if (!pieces_.empty()) work();
    write_json();
  }
  /// Runs that are finished, and all.
  [[nodiscard]] std::size_t finished() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(outcomes_, [](const auto& each) { return each.record.has_value(); }));
  }
  [[nodiscard]] std::size_t size() const { return outcomes_.size(); }
  /// The table: a row for every task and method.
  [[nodiscard]] std::vector<Row> rows() const { return rows_of(plan_, untrained_, outcomes_); }
  [[nodiscard]] std::filesystem::path json_file() const { return folder_.file("compare.json"); }
  /// Throws Error that lists the runs that failed.
  void check_failures() const {
    std::string list;
    std::size_t count = 0;
    const auto add = [&](const Piece& piece, const std::string& failure) {
      if (failure.empty()) return;
      ++count;
      list += fmt::format("\n  {}: {}", name(piece), failure);
    };
    for (std::size_t task = 0; task < plan_.tasks.size(); ++task) add({task, {}}, untrained_failures_[task]);
    for (std::size_t i = 0; i < outcomes_.size(); ++i) add({outcomes_[i].cell.task, i}, outcomes_[i].failure);
    require(count == 0, "{} of {} runs failed (the same command tries them again):{}", count,
            outcomes_.size() + plan_.tasks.size(), list);
  }
  /// Writes report.html by a Python that has matplotlib; says why where there is none.
  void write_report() const {
    const std::filesystem::path log = folder_.file("report.log");
    const std::string& script = settings_.report_script;
    const std::string folder = folder_.file("").string();
    constexpr int no_matplotlib = 3, no_program = 127;
    std::string reason = "no python3 with matplotlib here (Debian package python3-matplotlib)";
    for (const std::string& python : pythons()) {
      const Ending ending = run_one({"/usr/bin/env", {python, "-B", script, folder}, {}, "/dev/null", log});
      if (ending.good()) {
        std::error_code ignored;
        std::filesystem::remove(log, ignored);
        settings_.told(folder_.file("report.html").string());
        return;
      }
      if (ending.code == no_program || ending.code == no_matplotlib) continue;
      reason = fmt::format("{}: {}: {}", script, ending.text(), last_line(log));
      break;
    }
    settings_.told(
        fmt::format("report.html was not written: {}; later: python3 {} {}", reason, script, folder));
  }

 private:
  // One process: a run, or the scores of the untrained model.
  struct Piece {
    std::size_t task;
    std::optional<std::size_t> outcome;  // its number among outcomes_
    std::chrono::steady_clock::time_point began{};
  };

  // Pythons that may have matplotlib: the user's choice only, or the distribution's after the first on PATH.
  static std::vector<std::string> pythons() {
    if (const char* chosen = std::getenv("ZOFO_PYTHON"); chosen != nullptr) return {chosen};
    return {"python3", "/usr/bin/python3"};
  }
  static std::string title(const Arm& arm) {
    return arm.label == llm::to_text(arm.method) ? std::string(llm::info(arm.method).title) : arm.label;
  }

  // What earlier processes finished is read, the rest is left to do.
  void gather() {
    for (std::size_t task = 0; task < plan_.tasks.size(); ++task) {
      if (std::filesystem::exists(folder_.untrained(plan_, task)))
        untrained_[task] = read_evaluation(folder_.untrained(plan_, task));
      else
        pieces_.push_back({task, {}});
    }
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
      if (std::filesystem::exists(folder_.run(plan_, outcomes_[i].cell) / "done"))
        read(i);
      else
        pieces_.push_back({outcomes_[i].cell.task, i});
    }
    if (finished() > 0)
      settings_.told(fmt::format("{} of {} runs are finished already", finished(), outcomes_.size()));
  }
  void read(std::size_t outcome) {
    const Cell& cell = outcomes_[outcome].cell;
    const std::filesystem::path run = folder_.run(plan_, cell);
    RunRecord record = read_run(run, llm::to_text(plan_.arms[cell.arm].method), cell.seed);
    for (const Outcome& other : outcomes_)
      require(!other.record || other.record->model_hash == record.model_hash,
              "{}: model_hash = {}: the other runs began with a model of hash {}", run.string(),
              record.model_hash, other.record ? other.record->model_hash : "");
    outcomes_[outcome].record = std::move(record);
  }

  void work() {
    Batch batch;
    batch.count = pieces_.size();
    batch.at_once = settings_.jobs;
    batch.command = [this](std::size_t number, std::size_t slot) {
      pieces_[number].began = std::chrono::steady_clock::now();
      settings_.told(fmt::format("{}: begun", name(pieces_[number])));
      return command(pieces_[number], slot);
    };
    batch.ended = [this](std::size_t number, const Ending& ending) { ended(pieces_[number], ending); };
    batch.stop = settings_.interrupted;
    Processes(batch).run();
  }
  [[nodiscard]] Command command(const Piece& piece, std::size_t slot) const {
    const std::string threads = fmt::format("{}", plan_.threads);
    Command out{settings_.program, {}, {}, "/dev/null", log(piece)};
    out.environment = {{"OPENBLAS_NUM_THREADS", threads}, {"OMP_NUM_THREADS", threads}};
    // Waiting OpenMP threads that spin keep the other runs off the cores; a user's setting stands.
    if (std::getenv("OMP_WAIT_POLICY") == nullptr) out.environment.emplace_back("OMP_WAIT_POLICY", "passive");
    if (!settings_.gpus.empty())
      out.environment.emplace_back("CUDA_VISIBLE_DEVICES", settings_.gpus[slot % settings_.gpus.size()]);
    std::error_code ignored;  // the log's own opening says what is wrong
    std::filesystem::create_directories(out.err.parent_path(), ignored);
    if (piece.outcome) {
      const Cell& cell = outcomes_[*piece.outcome].cell;
      out.arguments = training_arguments(plan_, cell, folder_.run(plan_, cell));
    } else {
      out.arguments = evaluation_arguments(plan_, piece.task);
      out.out = folder_.untrained(plan_, piece.task).string() + ".part";
    }
    return out;
  }
  void ended(const Piece& piece, const Ending& ending) {
    std::string& failure =
        piece.outcome ? outcomes_[*piece.outcome].failure : untrained_failures_[piece.task];
    if (!ending.good()) {
      if (settings_.interrupted()) return;  // it was told to stop, and is left for the next time
      const std::string words = last_line(log(piece));
      failure = words.empty() ? ending.text() : fmt::format("{}: {}", ending.text(), words);
    } else {
      try {
        take(piece);
      } catch (const Error& error) {
        failure = error.what();
      }
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - piece.began).count();
    settings_.told(failure.empty() ? fmt::format("{}: done in {:.1f} s, {} of {} runs are finished",
                                                 name(piece), seconds, finished(), outcomes_.size())
                                   : fmt::format("{}: failed: {}", name(piece), failure));
    write_json();
  }
  void take(const Piece& piece) {
    if (piece.outcome) return read(*piece.outcome);
    const std::filesystem::path whole = folder_.untrained(plan_, piece.task), part = whole.string() + ".part";
    untrained_[piece.task] = read_evaluation(part);
    std::error_code error;
    std::filesystem::rename(part, whole, error);
    require(!error, "{}: rename failed: {}", whole.string(), error.message());
  }

  [[nodiscard]] std::string name(const Piece& piece) const {
    const std::string& task = plan_.tasks[piece.task].name;
    if (!piece.outcome) return fmt::format("{}, {}", task, zero_shot);
    const Cell& cell = outcomes_[*piece.outcome].cell;
    return fmt::format("{}, {}, seed {}", task, plan_.arms[cell.arm].label, cell.seed);
  }
  [[nodiscard]] std::filesystem::path log(const Piece& piece) const {
    std::filesystem::path path = piece.outcome ? folder_.run(plan_, outcomes_[*piece.outcome].cell)
                                               : folder_.untrained(plan_, piece.task).replace_extension();
    return path += ".log";
  }
  void write_json() const {
    nlohmann::json list = nlohmann::json::array(), titles = {{zero_shot, zero_shot}};
    nlohmann::json options = nlohmann::json::object();
    for (const Row& row : rows()) list.push_back(to_json(row));
    for (const Arm& arm : plan_.arms) titles[arm.label] = title(arm);
    for (const Outcome& outcome : outcomes_) {
      const std::filesystem::path file = folder_.run(plan_, outcome.cell) / "options.toml";
      const std::string& label = plan_.arms[outcome.cell.arm].label;
      if (outcome.record && !options.contains(label) && std::filesystem::exists(file))
        options[label] = llm::to_toml(
            llm::options_from_toml(llm::Command::finetune, parse::read_file(file), file.string()));
    }
    const nlohmann::json all = {{"zofo", settings_.version},
                                {"command", command_line(plan_)},
                                {"plan", to_json(plan_)},
                                {"machine", machine()},
                                {"jobs", settings_.jobs},
                                {"titles", titles},
                                {"rows", list},
                                {"curves", curves_to_json(plan_, outcomes_)},
                                {"runs", runs_to_json(plan_, outcomes_)},
                                {"options", options}};
    zofo::write_atomically(json_file(),
                           all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  Plan plan_;
  ComparisonSettings settings_;
  Folder folder_;
  std::vector<std::optional<RunRecord>> untrained_;
  std::vector<std::string> untrained_failures_;
  std::vector<Outcome> outcomes_;
  std::vector<Piece> pieces_;  // those that are left
};

/// Compares the methods of a checked plan over its tasks and seeds, each run in a process of the program.
/// Throws Error where the folder is another plan's, and at the end if a run failed.
inline std::vector<Row> compare(Plan plan, ComparisonSettings settings) {
  Comparison comparison(std::move(plan), std::move(settings));
  comparison.run();
  comparison.check_failures();
  return comparison.rows();
}

}  // namespace zofo::compare
