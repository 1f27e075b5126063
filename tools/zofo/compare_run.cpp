// The runs of a comparison, and what becomes of their results.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "compare.hpp"
#include "curves.hpp"
#include "zofo/compare/command_line.hpp"
#include "zofo/compare/machine.hpp"
#include "zofo/compare/report_json.hpp"
#include "zofo/compare/run_record.hpp"
#include "zofo/compare/table.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> as_flags(const std::vector<compare::Setting>& settings) {
  std::vector<std::string> out;
  for (const compare::Setting& setting : settings)
    out.push_back(flag_of(setting.option) + "=" + setting.value);
  return out;
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// The message that a process ended its standard error with, or its last line; without what a terminal obeys.
std::string last_words(const fs::path& log) {
  constexpr std::streamoff most = 1 << 16;
  std::ifstream in(log, std::ios::binary);
  in.seekg(0, std::ios::end);
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - most));
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) last = line;
  constexpr std::string_view heading = "zofo: error: ";
  if (last.starts_with(heading)) last.erase(0, heading.size());
  std::replace_if(
      last.begin(), last.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; },
      '?');
  return last;
}

// Pythons that may have matplotlib: the user's choice alone, or the distribution's after the first on PATH.
std::vector<std::string> pythons() {
  if (const char* chosen = std::getenv("ZOFO_PYTHON"); chosen != nullptr) return {chosen};
  return {"python3", "/usr/bin/python3"};
}

std::string title_of_arm(const compare::Arm& arm) {
  return arm.label == arm.method ? title_of(arm.method) : arm.label;
}

}  // namespace

Comparison::Comparison(compare::Plan plan, Workers workers, const fs::path& out)
    : plan_(std::move(plan)),
      workers_(std::move(workers)),
      folder_(out, plan_,
              [] { fmt::print(stderr, "waiting for the runs of an earlier zofo compare to stop\n"); }),
      untrained_(plan_.tasks.size()),
      untrained_failures_(plan_.tasks.size()) {
  for (const compare::Cell& cell : plan_.cells()) outcomes_.push_back({cell});
}

int Comparison::run(bool json) {
  gather();
  if (!pieces_.empty()) work();
  write_json();
  if (interrupted()) {
    fmt::print(stderr, "interrupted: {} of {} runs are finished; the same command goes on\n", finished(),
               outcomes_.size());
    return exit_interrupted;
  }
  if (json)
    write_out("{}", parse::read_file(folder_.file("compare.json")));
  else
    write_out("{}", compare::table_text(compare::rows_of(plan_, untrained_, outcomes_)));
  flush_output();
  write_report();
  check_failures();
  return 0;
}

// What earlier processes finished is read, the rest is left to do.
void Comparison::gather() {
  for (std::size_t task = 0; task < plan_.tasks.size(); ++task) {
    if (fs::exists(folder_.untrained(plan_, task)))
      untrained_[task] = compare::read_evaluation(folder_.untrained(plan_, task));
    else
      pieces_.push_back({task, {}});
  }
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    if (fs::exists(folder_.run(plan_, outcomes_[i].cell) / "done"))
      read(i);
    else
      pieces_.push_back({outcomes_[i].cell.task, i});
  }
  if (finished() > 0)
    fmt::print(stderr, "{} of {} runs are finished already\n", finished(), outcomes_.size());
}

void Comparison::read(std::size_t outcome) {
  const compare::Cell& cell = outcomes_[outcome].cell;
  compare::RunRecord record =
      compare::read_run(folder_.run(plan_, cell), plan_.arms[cell.arm].method, cell.seed);
  for (const compare::Outcome& other : outcomes_)
    require(!other.record || other.record->model_hash == record.model_hash,
            "{}: model_hash = {}: the other runs began with a model of hash {}",
            folder_.run(plan_, cell).string(), record.model_hash,
            other.record ? other.record->model_hash : "");
  outcomes_[outcome].record = std::move(record);
}

void Comparison::work() {
  compare::Batch batch;
  batch.count = pieces_.size();
  batch.at_once = workers_.jobs;
  batch.command = [this](std::size_t number, std::size_t slot) {
    pieces_[number].began = std::chrono::steady_clock::now();
    fmt::print(stderr, "{}: begun\n", name(pieces_[number]));
    return command(pieces_[number], slot);
  };
  batch.ended = [this](std::size_t number, const compare::Ending& ending) { ended(pieces_[number], ending); };
  batch.stop = interrupted;
  compare::Processes(batch).run();
}

compare::Command Comparison::command(const Piece& piece, std::size_t slot) const {
  const std::string threads = fmt::format("{}", plan_.threads);
  compare::Command out{"/proc/self/exe", {}, {}, "/dev/null", log(piece)};
  out.environment = {{"OPENBLAS_NUM_THREADS", threads}, {"OMP_NUM_THREADS", threads}};
  // Waiting OpenMP threads that spin keep the other runs off the cores; a user's setting stands.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) out.environment.emplace_back("OMP_WAIT_POLICY", "passive");
  if (!workers_.cards.empty())
    out.environment.emplace_back("CUDA_VISIBLE_DEVICES", workers_.cards[slot % workers_.cards.size()]);
  std::error_code ignored;  // the log's own opening says what is wrong
  fs::create_directories(out.err.parent_path(), ignored);
  if (piece.outcome) {
    out.arguments = training(outcomes_[*piece.outcome].cell);
  } else {
    out.arguments = evaluation(piece.task);
    out.out = folder_.untrained(plan_, piece.task).string() + ".part";
  }
  return out;
}

std::vector<std::string> Comparison::place(std::size_t task) const {
  std::vector<std::string> out{"--model", plan_.model,      "--task", plan_.tasks[task].place,
                               "--tasks", plan_.definitions};
  if (!plan_.data.empty()) append(out, {"--data", plan_.data});
  return out;
}

std::vector<std::string> Comparison::evaluation(std::size_t task) const {
  std::vector<std::string> out{"evaluate", "--json"};
  append(out, place(task));
  append(out, {"--device", plan_.device, "--rows", fmt::format("{}", plan_.rows), "--seed",
               fmt::format("{}", plan_.seeds.front())});
  append(out, as_flags(compare::shared_by_evaluation(plan_)));
  return out;
}

// A run that was cut short goes on from the state it saved; one that saved none begins anew.
std::vector<std::string> Comparison::training(const compare::Cell& cell) const {
  const fs::path run = folder_.run(plan_, cell);
  if (fs::exists(run / "state.bin")) return {"finetune", "--json", "--resume", run.string()};
  std::error_code error;
  fs::remove_all(run, error);
  require(!error, "{}: cannot be removed: {}", run.string(), error.message());
  std::vector<std::string> out{"finetune",   "--json",   "--out",
                               run.string(), "--method", plan_.arms[cell.arm].method};
  append(out, place(cell.task));
  append(out, as_flags(plan_.arms[cell.arm].settings));
  append(out, as_flags(plan_.settings_of(cell.seed)));
  return out;
}

void Comparison::ended(const Piece& piece, const compare::Ending& ending) {
  std::string& failure = piece.outcome ? outcomes_[*piece.outcome].failure : untrained_failures_[piece.task];
  if (!ending.good()) {
    if (interrupted()) return;  // it was told to stop, and is left for the next time
    const std::string words = last_words(log(piece));
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
  if (!failure.empty())
    fmt::print(stderr, "{}: failed: {}\n", name(piece), failure);
  else
    fmt::print(stderr, "{}: done in {:.1f} s, {} of {} runs are finished\n", name(piece), seconds, finished(),
               outcomes_.size());
  write_json();
}

void Comparison::take(const Piece& piece) {
  if (piece.outcome) return read(*piece.outcome);
  const fs::path whole = folder_.untrained(plan_, piece.task), part = whole.string() + ".part";
  untrained_[piece.task] = compare::read_evaluation(part);
  std::error_code error;
  fs::rename(part, whole, error);
  require(!error, "{}: rename failed: {}", whole.string(), error.message());
}

std::string Comparison::name(const Piece& piece) const {
  const std::string& task = plan_.tasks[piece.task].name;
  if (!piece.outcome) return fmt::format("{}, {}", task, compare::zero_shot);
  const compare::Cell& cell = outcomes_[*piece.outcome].cell;
  return fmt::format("{}, {}, seed {}", task, plan_.arms[cell.arm].label, cell.seed);
}

fs::path Comparison::log(const Piece& piece) const {
  fs::path path = piece.outcome ? folder_.run(plan_, outcomes_[*piece.outcome].cell)
                                : folder_.untrained(plan_, piece.task).replace_extension();
  return path += ".log";
}

std::size_t Comparison::finished() const {
  return static_cast<std::size_t>(std::count_if(outcomes_.begin(), outcomes_.end(),
                                                [](const auto& each) { return each.record.has_value(); }));
}

void Comparison::write_json() const {
  nlohmann::json rows = nlohmann::json::array(), titles = {{compare::zero_shot, title_of("zero-shot")}};
  nlohmann::json options = nlohmann::json::object();
  for (const compare::Row& row : compare::rows_of(plan_, untrained_, outcomes_)) rows.push_back(to_json(row));
  for (const compare::Arm& arm : plan_.arms) titles[arm.label] = title_of_arm(arm);
  for (const compare::Outcome& outcome : outcomes_) {
    const fs::path file = folder_.run(plan_, outcome.cell) / "options.toml";
    const std::string& label = plan_.arms[outcome.cell.arm].label;
    if (outcome.record && !options.contains(label) && fs::exists(file))
      options[label] = parse::read_file(file);
  }
  const nlohmann::json all = {{"zofo", ZOFO_VERSION},
                              {"command", compare::command_line(plan_)},
                              {"plan", to_json(plan_)},
                              {"machine", compare::machine()},
                              {"jobs", workers_.jobs},
                              {"titles", titles},
                              {"rows", rows},
                              {"curves", compare::curves_to_json(plan_, outcomes_)},
                              {"runs", compare::runs_to_json(plan_, outcomes_)},
                              {"options", options}};
  checkpoint::write_atomically(folder_.file("compare.json"),
                               all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// The table and the JSON do not depend on Python; the page does.
void Comparison::write_report() const {
  const fs::path log = folder_.file("report.log"), script = ZOFO_SOURCE_DIR "/scripts/compare_report.py";
  const std::string folder = folder_.file("").string();
  constexpr int no_matplotlib = 3, no_program = 127;
  std::string reason = "no python3 with matplotlib here (Debian package python3-matplotlib)";
  for (const std::string& python : pythons()) {
    const compare::Ending ending =
        compare::run_one({"/usr/bin/env", {python, "-B", script.string(), folder}, {}, "/dev/null", log});
    if (ending.good()) {
      std::error_code ignored;
      fs::remove(log, ignored);
      fmt::print(stderr, "{}\n", folder_.file("report.html").string());
      return;
    }
    if (ending.code == no_program || ending.code == no_matplotlib) continue;
    reason = fmt::format("{}: {}: {}", script.string(), ending.text(), last_words(log));
    break;
  }
  fmt::print(stderr, "report.html was not written: {}; later: python3 {} {}\n", reason, script.string(),
             folder);
}

void Comparison::check_failures() const {
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

}  // namespace zofo::cli
