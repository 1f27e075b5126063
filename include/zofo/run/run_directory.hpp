/// @file The folder of a run. An existing run is never overwritten.
#pragma once

#include <filesystem>
#include <string_view>

namespace zofo::llm {

/// The folder of a run.
class RunFolder {
 public:
  /// Throws Error unless a new folder of that name can be made. Makes nothing, so that a run can check the name
  /// before it loads a model.
  static void require_new(const std::filesystem::path& path);
  /// Makes the folder and its parents. Throws Error if the folder exists.
  explicit RunFolder(std::filesystem::path path);
  /// The existing folder of a run. Throws Error if it does not exist.
  static RunFolder open(std::filesystem::path path);
  /// The folder.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The path of a file in the folder.
  [[nodiscard]] std::filesystem::path file(std::string_view name) const { return path_ / name; }
  /// Writes a file of the folder atomically. Throws Error if the write fails.
  void write(std::string_view name, std::string_view bytes) const;
  /// Writes the file `done`, which a complete run writes last.
  void mark_done() const;
  /// True if the run is complete.
  [[nodiscard]] bool done() const;
  /// Removes the file `done`.
  void unmark_done() const;

 private:
  struct Existing {};
  RunFolder(std::filesystem::path path, Existing /*tag*/);

  std::filesystem::path path_;
};

}  // namespace zofo::llm
