/// @file The folder a run leaves behind: never made over another run.
#pragma once

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "zofo/core/append_file.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

/// A run's folder.
class RunFolder {
 public:
  /// Throws Error unless a folder of that name can be new; makes nothing. So what takes long can be done
  /// first.
  static void require_new(const std::filesystem::path& path) {
    require(!path.empty(), "out = \"\": must name a folder");
    std::error_code error;
    const bool exists = std::filesystem::exists(std::filesystem::symlink_status(path, error));
    require(!exists, "{}: already exists: name a new run folder", path.string());
  }
  /// Makes the folder (and its parents); throws Error if it exists: nothing is overwritten.
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {
    require_new(path_);
    std::error_code error;
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), error);
    require(!error, "{}: cannot be made: {}", path_.parent_path().string(), error.message());
    const bool made = std::filesystem::create_directory(path_, error);
    require(!error, "{}: cannot be made: {}", path_.string(), error.message());
    require(made, "{}: already exists: name a new run folder", path_.string());
  }
  /// A run's folder that is there; throws Error if it isn't.
  static RunFolder open(std::filesystem::path path) {
    std::error_code ignored;
    require(std::filesystem::is_directory(path, ignored), "{}: no such run folder", path.string());
    return RunFolder(std::move(path), Existing{});
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path file(std::string_view name) const { return path_ / name; }
  /// Writes a file of the folder in one piece.
  void write(std::string_view name, std::string_view bytes) const {
    zofo::write_atomically(file(name), bytes);
  }
  /// The last thing a complete run writes.
  void mark_done() const { write("done", "done\n"); }
  [[nodiscard]] bool done() const { return std::filesystem::exists(file("done")); }
  void unmark_done() const { std::filesystem::remove(file("done")); }

 private:
  struct Existing {};
  RunFolder(std::filesystem::path path, Existing) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace zofo::llm
