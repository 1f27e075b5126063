/// @file A folder that appears with all its files or not at all.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// A new folder, filled beside its place and renamed at the end; without a commit() it is removed again.
class AtomicFolder {
 public:
  /// Makes the folder's parents. Throws Error if the folder exists, since nothing is overwritten, or cannot
  /// be made.
  explicit AtomicFolder(std::filesystem::path path) : path_(std::move(path)) {
    if (!path_.has_filename()) path_ = path_.parent_path();  // written with a slash at its end
    require(path_.has_filename(), "folder '{}': must have a name", path_.string());
    std::error_code error;
    require(!std::filesystem::exists(path_, error), "{}: already exists: name a new folder", path_.string());
    part_ = path_;
    part_ += ".part";
    const bool made = std::filesystem::create_directories(part_, error);
    require(!error, "{}: cannot be made: {}", part_.string(), error.message());
    require(made, "{}: already exists, perhaps of an export that was cut short: remove it", part_.string());
  }
  AtomicFolder(AtomicFolder&&) = delete;
  AtomicFolder& operator=(AtomicFolder&&) = delete;
  ~AtomicFolder() {
    std::error_code ignored;
    if (!done_) std::filesystem::remove_all(part_, ignored);
  }

  /// Where files are to be written before commit().
  [[nodiscard]] const std::filesystem::path& part() const { return part_; }
  /// Puts the folder in its place. Throws Error when the system refuses.
  void commit() {
    std::error_code error;
    std::filesystem::rename(part_, path_, error);
    require(!error, "{}: rename failed: {}", path_.string(), error.message());
    done_ = true;
  }

 private:
  std::filesystem::path path_, part_;
  bool done_ = false;
};

}  // namespace zofo::checkpoint
