/// @file A folder that appears with all its files or not at all.
#pragma once

#include <filesystem>

namespace zofo::checkpoint {

/// A new folder. Its files are written to `NAME.part`, which commit() renames; without a commit() the
/// destructor removes it.
class AtomicFolder {
 public:
  /// Creates `path`.part and its parent folders. Throws Error if `path` or `path`.part exists, since nothing
  /// is overwritten, or if the folder cannot be created.
  explicit AtomicFolder(std::filesystem::path path);
  AtomicFolder(AtomicFolder&&) = delete;
  AtomicFolder& operator=(AtomicFolder&&) = delete;
  ~AtomicFolder();

  /// The folder to write files to before commit().
  [[nodiscard]] const std::filesystem::path& part() const { return part_; }
  /// The folder's final path, without a slash at its end.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Renames the folder to its final path. Throws Error when the system refuses.
  void commit();

 private:
  std::filesystem::path path_, part_;
  bool done_ = false;
};

}  // namespace zofo::checkpoint
