/// @file A file that grows line by line, or record by record.
#pragma once

#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo {

/// A file that grows line by line. Each line is flushed: a process that is killed leaves whole lines. Throws
/// Error when a write fails. Only one process may write the file: a second writer is refused.
class AppendFile {
 public:
  /// Opens the file for appending, and creates it if needed. Throws Error naming the path when it cannot be
  /// opened or when another process writes it.
  explicit AppendFile(std::filesystem::path path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "abe")) {
    require(file_ != nullptr, "{}: cannot be opened for writing: {}", path_.string(), std::strerror(errno));
    const bool locked = flock(fileno(file_.get()), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    require(locked, "{}: another process is writing it", path_.string());
  }
  /// The file's path.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Appends `text` and a line end. Throws Error when the write fails.
  void line(std::string_view text) {
    std::string with_end(text);
    with_end += '\n';
    append(with_end);
  }
  /// Appends bytes as they are, such as a record of a binary format. Throws Error when the write fails.
  void append(std::string_view bytes) {
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size() &&
                         std::fflush(file_.get()) == 0;
    require(written, "{}: write failed: {}", path_.string(), std::strerror(errno));
  }
  /// Truncates the file to its first `bytes` bytes. Throws Error when that fails.
  void cut(std::uint64_t bytes) {
    require(ftruncate(fileno(file_.get()), static_cast<off_t>(bytes)) == 0,
            "{}: cannot be cut to {} bytes: {}", path_.string(), bytes, std::strerror(errno));
  }
  /// Returns when every line and record is on disk. Throws Error when that fails.
  void settle() {
    require(fdatasync(fileno(file_.get())) == 0 || errno == EINVAL, "{}: write failed: {}", path_.string(),
            std::strerror(errno));
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace zofo
