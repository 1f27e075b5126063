/// @file The folder of a comparison: one plan, one process at a time, a folder for each run.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "zofo/compare/plan.hpp"

namespace zofo::compare {

/// An exclusive lock on a file. Processes started while it exists inherit it: the file stays locked until the
/// last of them has ended.
class SharedLock {
 public:
  /// Waits up to `patience` for the lock, after one call of `waiting`. Throws Error naming the folder when
  /// the lock is still taken then, or the file when it cannot be opened.
  SharedLock(const std::filesystem::path& path, std::chrono::milliseconds patience,
             const std::function<void()>& waiting);
  SharedLock(SharedLock&&) = delete;
  SharedLock& operator=(SharedLock&&) = delete;
  ~SharedLock();

 private:
  int file_;
};

/// The folder of a comparison, with its plan in plan.json. Locked while the object exists.
class Folder {
 public:
  /// Creates the folder, or opens the folder of the same plan. Throws Error when it contains another plan
  /// (naming the field) or other files, or when another process uses it for longer than `patience`.
  Folder(std::filesystem::path path, const Plan& plan, const std::function<void()>& waiting,
         std::chrono::milliseconds patience = std::chrono::seconds(20));

  /// The path of a file of the folder.
  [[nodiscard]] std::filesystem::path file(std::string_view name) const { return path_ / name; }
  /// The folder of a run.
  [[nodiscard]] std::filesystem::path run(const Plan& plan, const Cell& cell) const;
  /// The file with the untrained model's scores on a task.
  [[nodiscard]] std::filesystem::path untrained(const Plan& plan, std::size_t task) const;

 private:
  Folder(std::filesystem::path path, const nlohmann::json& plan, const std::function<void()>& waiting,
         std::chrono::milliseconds patience);

  std::filesystem::path path_;
  SharedLock lock_;
};

}  // namespace zofo::compare
