#include "zofo/compare/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "zofo/compare/command_line.hpp"
#include "zofo/compare/folder.hpp"
#include "zofo/compare/machine.hpp"
#include "zofo/compare/processes.hpp"
#include "zofo/compare/report_json.hpp"
#include "zofo/compare/run_commands.hpp"
#include "zofo/compare/run_record.hpp"
#include "zofo/compare/saved_plan.hpp"
#include "zofo/config/enum_text.hpp"
#include "zofo/config/methods.hpp"
#include "zofo/config/options_toml.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::compare {

/// The state of a comparison, and its work.
class Comparison::Impl {
 public:
  Impl(Plan plan, ComparisonSettings settings)
      : plan_(std::move(plan)),
        settings_(std::move(settings)),
        folder_(settings_.out, plan_,
                [this] { settings_.report("waiting for the runs of an earlier zofo compare to stop"); }),
        untrained_(plan_.tasks.size()),
        untrained_failures_(plan_.tasks.size()) {
    for (const Cell& cell : plan_.cells()) outcomes_.push_back({cell});
  }

  void run() {
    read_finished();
    if (!pending_.empty()) run_pending();
    write_json();
  }
  [[nodiscard]] std::size_t finished() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(outcomes_, [](const auto& each) { return each.record.has_value(); }));
  }
  [[nodiscard]] std::size_t size() const { return outcomes_.size(); }
  [[nodiscard]] std::vector<Row> rows() const { return rows_of(plan_, untrained_, outcomes_); }
  [[nodiscard]] std::filesystem::path json_file() const { return folder_.file("compare.json"); }
  void check_failures() const {
    std::string list;
    std::size_t count = 0;
    const auto add = [&](const Process& process, const std::string& failure) {
      if (failure.empty()) return;
      ++count;
      list += fmt::format("\n  {}: {}", name(process), failure);
    };
    for (std::size_t task = 0; task < plan_.tasks.size(); ++task) add({task, {}}, untrained_failures_[task]);
    for (std::size_t i = 0; i < outcomes_.size(); ++i) add({outcomes_[i].cell.task, i}, outcomes_[i].failure);
    require(count == 0, "{} of {} runs failed (the same command retries them):{}", count,
            outcomes_.size() + plan_.tasks.size(), list);
  }
  void write_report() const {
    const std::filesystem::path log = folder_.file("report.log");
    const std::string& script = settings_.report_script;
    const std::string folder = folder_.file("").string();
    constexpr int no_matplotlib = 3, no_program = 127;
    std::string reason = "no python3 with matplotlib found (Debian package python3-matplotlib)";
    for (const std::string& python : pythons()) {
      const Ending ending = run_one({"/usr/bin/env", {python, "-B", script, folder}, {}, "/dev/null", log});
      if (ending.good()) {
        std::error_code ignored;
        std::filesystem::remove(log, ignored);
        settings_.report(folder_.file("report.html").string());
        return;
      }
      if (ending.code == no_program || ending.code == no_matplotlib) continue;
      reason = fmt::format("{}: {}: {}", script, ending.text(), last_line(log));
      break;
    }
    settings_.report(
        fmt::format("report.html was not written: {}; later: python3 {} {}", reason, script, folder));
  }

 private:
  // A process: a run, or the evaluation of the untrained model.
  struct Process {
    std::size_t task;
    std::optional<std::size_t> outcome;  // index in outcomes_; empty for the evaluation
    std::chrono::steady_clock::time_point began{};
  };

  // Pythons that may have matplotlib: only the user's choice, or the first on PATH and then the system's.
  static std::vector<std::string> pythons() {
    if (const char* chosen = std::getenv("ZOFO_PYTHON"); chosen != nullptr) return {chosen};
    return {"python3", "/usr/bin/python3"};
  }
  static std::string title(const Arm& arm) {
    return arm.label == llm::to_text(arm.method) ? std::string(llm::info(arm.method).title) : arm.label;
  }

  // Reads the results of finished processes; the others are pending.
  void read_finished() {
    for (std::size_t task = 0; task < plan_.tasks.size(); ++task) {
      if (std::filesystem::exists(folder_.untrained(plan_, task)))
        untrained_[task] = read_evaluation(folder_.untrained(plan_, task));
      else
        pending_.push_back({task, {}});
    }
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
      if (std::filesystem::exists(folder_.run(plan_, outcomes_[i].cell) / "done"))
        read(i);
      else
        pending_.push_back({outcomes_[i].cell.task, i});
    }
    if (finished() > 0)
      settings_.report(fmt::format("{} of {} runs are already finished", finished(), outcomes_.size()));
  }
  void read(std::size_t outcome) {
    const Cell& cell = outcomes_[outcome].cell;
    const std::filesystem::path run = folder_.run(plan_, cell);
    RunRecord record = read_run(run, llm::to_text(plan_.arms[cell.arm].method), cell.seed);
    for (const Outcome& other : outcomes_)
      require(!other.record || other.record->model_hash == record.model_hash,
              "{}: model_hash = {}: the other runs started from a model with hash {}", run.string(),
              record.model_hash, other.record ? other.record->model_hash : "");
    outcomes_[outcome].record = std::move(record);
  }

  void run_pending() {
    Batch batch;
    batch.count = pending_.size();
    batch.at_once = settings_.jobs;
    batch.command = [this](std::size_t number, std::size_t slot) {
      pending_[number].began = std::chrono::steady_clock::now();
      settings_.report(fmt::format("{}: started", name(pending_[number])));
      return command(pending_[number], slot);
    };
    batch.ended = [this](std::size_t number, const Ending& ending) { ended(pending_[number], ending); };
    batch.stop = settings_.interrupted;
    Processes(batch).run();
  }
  [[nodiscard]] Command command(const Process& process, std::size_t slot) const {
    const std::string threads = fmt::format("{}", plan_.threads);
    Command out{settings_.program, {}, {}, "/dev/null", log(process)};
    out.environment = {{"OPENBLAS_NUM_THREADS", threads}, {"OMP_NUM_THREADS", threads}};
    // Waiting OpenMP threads that spin take cores from the other runs; a user's setting is not changed.
    if (std::getenv("OMP_WAIT_POLICY") == nullptr) out.environment.emplace_back("OMP_WAIT_POLICY", "passive");
    if (!settings_.gpus.empty())
      out.environment.emplace_back("CUDA_VISIBLE_DEVICES", settings_.gpus[slot % settings_.gpus.size()]);
    std::error_code ignored;  // opening the log reports the problem
    std::filesystem::create_directories(out.err.parent_path(), ignored);
    if (process.outcome) {
      const Cell& cell = outcomes_[*process.outcome].cell;
      out.arguments = training_arguments(plan_, cell, folder_.run(plan_, cell));
    } else {
      out.arguments = evaluation_arguments(plan_, process.task);
      out.out = folder_.untrained(plan_, process.task).string() + ".part";
    }
    return out;
  }
  void ended(const Process& process, const Ending& ending) {
    std::string& failure =
        process.outcome ? outcomes_[*process.outcome].failure : untrained_failures_[process.task];
    if (!ending.good()) {
      if (settings_.interrupted()) return;  // it was interrupted, and stays pending
      const std::string message = last_line(log(process));
      failure = message.empty() ? ending.text() : fmt::format("{}: {}", ending.text(), message);
    } else {
      try {
        accept(process);
      } catch (const Error& error) {
        failure = error.what();
      }
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - process.began).count();
    settings_.report(failure.empty() ? fmt::format("{}: done in {:.1f} s, {} of {} runs are finished",
                                                   name(process), seconds, finished(), outcomes_.size())
                                     : fmt::format("{}: failed: {}", name(process), failure));
    write_json();
  }
  void accept(const Process& process) {
    if (process.outcome) return read(*process.outcome);
    const std::filesystem::path whole = folder_.untrained(plan_, process.task),
                                part = whole.string() + ".part";
    untrained_[process.task] = read_evaluation(part);
    std::error_code error;
    std::filesystem::rename(part, whole, error);
    require(!error, "{}: rename failed: {}", whole.string(), error.message());
  }

  [[nodiscard]] std::string name(const Process& process) const {
    const std::string& task = plan_.tasks[process.task].name;
    if (!process.outcome) return fmt::format("{}, {}", task, zero_shot);
    const Cell& cell = outcomes_[*process.outcome].cell;
    return fmt::format("{}, {}, seed {}", task, plan_.arms[cell.arm].label, cell.seed);
  }
  [[nodiscard]] std::filesystem::path log(const Process& process) const {
    std::filesystem::path path = process.outcome ? folder_.run(plan_, outcomes_[*process.outcome].cell)
                                                 : folder_.untrained(plan_, process.task).replace_extension();
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
    zofo::write_atomically(json_file(), parse::json_text(all, 1) + "\n");
  }

  Plan plan_;
  ComparisonSettings settings_;
  Folder folder_;
  std::vector<std::optional<RunRecord>> untrained_;
  std::vector<std::string> untrained_failures_;
  std::vector<Outcome> outcomes_;
  std::vector<Process> pending_;  // not finished yet
};

Comparison::Comparison(Plan plan, ComparisonSettings settings)
    : impl_(std::make_unique<Impl>(std::move(plan), std::move(settings))) {}
Comparison::~Comparison() = default;

void Comparison::run() { impl_->run(); }
std::size_t Comparison::finished() const { return impl_->finished(); }
std::size_t Comparison::size() const { return impl_->size(); }
std::vector<Row> Comparison::rows() const { return impl_->rows(); }
std::filesystem::path Comparison::json_file() const { return impl_->json_file(); }
void Comparison::check_failures() const { impl_->check_failures(); }
void Comparison::write_report() const { impl_->write_report(); }

std::vector<Row> compare(Plan plan, ComparisonSettings settings) {
  Comparison comparison(std::move(plan), std::move(settings));
  comparison.run();
  comparison.check_failures();
  return comparison.rows();
}

}  // namespace zofo::compare
