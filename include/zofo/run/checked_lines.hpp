/// @file A file of lines with its length and checksum, so that a resumed run can continue it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "zofo/core/append_file.hpp"
#include "zofo/core/hash.hpp"

namespace zofo::llm {

/// A file to which lines are appended.
class CheckedLines {
 public:
  /// Opens or creates the file. Throws Error if that fails, or another process writes the file.
  explicit CheckedLines(std::filesystem::path path);
  /// Appends `text` and a line end. Throws Error if the write fails.
  void line(std::string_view text);
  /// The length in bytes and the hash of the written text, as [length, "hash"]. Returns once the text is on
  /// disk.
  [[nodiscard]] nlohmann::json position();
  /// The text up to a saved position; the text after it, which may end in half a line, is ignored. Throws
  /// Error naming the file if the text differs from the saved one.
  static std::string text_at(const std::filesystem::path& path, const nlohmann::json& position);
  /// Removes all text after `text`, the file's beginning; the next line is appended there.
  void continue_after(std::string_view text);

 private:
  zofo::AppendFile file_;
  zofo::Hash64 hash_;
  std::uint64_t bytes_ = 0;
};

}  // namespace zofo::llm
