/// @file The folder of a comparison: one plan, one process at a time, a folder a run.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/compare/plan.hpp"
#include "zofo/compare/saved_plan.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::compare {

/// A file that one process, with all that it starts, holds. They share it: it is free when the last has
/// ended.
class SharedLock {
 public:
  /// Waits up to `patience` for the holder, after a call of `waiting`. Throws Error naming the file.
  SharedLock(const std::filesystem::path& path, std::chrono::milliseconds patience,
             const std::function<void()>& waiting)
      : file_(open(path.c_str(), O_RDWR | O_CREAT, 0644)) {  // without O_CLOEXEC: runs inherit it
    require(file_ >= 0, "{}: cannot be opened for writing: {}", path.string(), std::strerror(errno));
    const auto end = std::chrono::steady_clock::now() + patience;
    for (bool told = false; flock(file_, LOCK_EX | LOCK_NB) != 0; told = true) {
      const bool held = errno == EWOULDBLOCK;
      if (held && std::chrono::steady_clock::now() < end) {
        if (!told) waiting();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        continue;
      }
      const std::string reason =
          held ? "another zofo compare, or a run of one, is at work here" : std::strerror(errno);
      close(file_);
      fail("{}: {}", path.parent_path().string(), reason);
    }
  }
  SharedLock(SharedLock&&) = delete;
  SharedLock& operator=(SharedLock&&) = delete;
  ~SharedLock() { close(file_); }

 private:
  int file_;
};

/// The folder, its plan saved.
class Folder {
 public:
  /// Makes the folder, or opens that of the same plan. Throws Error if it holds another plan (naming the
  /// field), other files, or if a process is at work in it still after `patience`.
  Folder(std::filesystem::path path, const Plan& plan, const std::function<void()>& waiting,
         std::chrono::milliseconds patience = std::chrono::seconds(20))
      : plan_(to_json(plan)),
        path_(prepared(std::move(path), plan_)),
        lock_(file("lock"), patience, waiting) {
    if (std::filesystem::exists(plan_file()))
      check_same(plan_, checkpoint::JsonFields::load(plan_file()).object(), path_.string());
    else
      zofo::write_atomically(plan_file(), plan_.dump(2) + "\n");
  }

  [[nodiscard]] std::filesystem::path file(std::string_view name) const { return path_ / name; }
  /// Of a run.
  [[nodiscard]] std::filesystem::path run(const Plan& plan, const Cell& cell) const {
    return path_ / plan.tasks[cell.task].name / plan.arms[cell.arm].label / fmt::format("{}", cell.seed);
  }
  /// What the untrained model scores on a task.
  [[nodiscard]] std::filesystem::path untrained(const Plan& plan, std::size_t task) const {
    return path_ / plan.tasks[task].name / (std::string(zero_shot) + ".json");
  }

 private:
  [[nodiscard]] std::filesystem::path plan_file() const { return file("plan.json"); }

  static std::filesystem::path prepared(std::filesystem::path path, const nlohmann::json& plan) {
    namespace fs = std::filesystem;
    require(!path.empty(), "out = \"\": must name a folder");
    try {
      (void)plan.dump();
    } catch (const nlohmann::json::exception& error) {
      fail("a name or path of the plan is not UTF-8: {}", error.what());
    }
    std::error_code error;
    if (fs::exists(path / "plan.json", error) || fs::exists(path / "lock", error)) return path;
    const bool empty =
        !fs::exists(path, error) || (fs::is_directory(path, error) && fs::is_empty(path, error));
    require(empty, "{}: already exists, and is no comparison's folder: name a new one", path.string());
    fs::create_directories(path, error);
    require(!error, "{}: cannot be made: {}", path.string(), error.message());
    return path;
  }

  nlohmann::json plan_;
  std::filesystem::path path_;
  SharedLock lock_;
};

}  // namespace zofo::compare
