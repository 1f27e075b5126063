/// @file Files that are whole or absent, and files that grow line by line.
#pragma once

#include <fcntl.h>
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
#include <system_error>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Closes a C stream.
struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// A file that grows line by line, each line flushed; throws Error when the disk refuses one. One process at
/// a time: a second writer is refused.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "ab")) {
    require(file_ != nullptr, "{}: cannot be opened for writing: {}", path_.string(), std::strerror(errno));
    const bool alone = flock(fileno(file_.get()), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    require(alone, "{}: another process is writing it", path_.string());
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Appends `text` and a line end.
  void line(std::string_view text) {
    std::string with_end(text);
    with_end += '\n';
    const bool written = std::fwrite(with_end.data(), 1, with_end.size(), file_.get()) == with_end.size() &&
                         std::fflush(file_.get()) == 0;
    require(written, "{}: write failed: {}", path_.string(), std::strerror(errno));
  }
  /// Forgets everything after the first `bytes` bytes.
  void cut(std::uint64_t bytes) {
    require(ftruncate(fileno(file_.get()), static_cast<off_t>(bytes)) == 0,
            "{}: cannot be cut to {} bytes: {}", path_.string(), bytes, std::strerror(errno));
  }
  /// Returns once the disk holds every line.
  void settle() {
    require(fdatasync(fileno(file_.get())) == 0 || errno == EINVAL, "{}: write failed: {}", path_.string(),
            std::strerror(errno));
  }

 private:
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
};

/// Writes `bytes` beside `path` and renames it there, so a reader sees all of it or nothing; `settled`: also
/// after a loss of power.
inline void write_atomically(const std::filesystem::path& path, std::string_view bytes,
                             bool settled = false) {
  const std::filesystem::path temporary = path.string() + ".part";
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  require(file != nullptr, "{}: cannot be opened for writing: {}", temporary.string(), std::strerror(errno));
  bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fflush(file) == 0;
  if (written && settled) written = fdatasync(fileno(file)) == 0 || errno == EINVAL;
  std::string reason = std::strerror(errno);
  if (std::fclose(file) != 0 && written) {
    reason = std::strerror(errno);
    written = false;
  }
  std::error_code error;
  if (!written) {
    std::filesystem::remove(temporary, error);
    fail("{}: write failed: {}", path.string(), reason);
  }
  std::filesystem::rename(temporary, path, error);
  require(!error, "{}: rename failed: {}", path.string(), error.message());
}

/// All bytes of a regular file; throws Error if it can't be read.
inline std::string read_all(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  require(!error, "{}: cannot be read: {}", path.string(), error.message());
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  require(file != nullptr, "{}: cannot be read: {}", path.string(), std::strerror(errno));
  std::string bytes(size, '\0');
  require(std::fread(bytes.data(), 1, bytes.size(), file.get()) == bytes.size(), "{}: cannot be read",
          path.string());
  return bytes;
}

}  // namespace zofo::checkpoint
