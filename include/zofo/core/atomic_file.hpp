/// @file A file written piece by piece that appears whole or not at all.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo {

/// Writes to `path`.part and renames it at the end, so a reader sees all of the file or none of it. Without a
/// commit() the destructor removes what was written.
class AtomicFile {
 public:
  /// Opens the file `path`.part. Throws Error naming the path and the system's reason, and for a path that
  /// the renaming would take from a device, a pipe or a folder (/dev/null).
  explicit AtomicFile(std::filesystem::path path)
      : path_(replaceable(std::move(path))),
        part_(path_.string() + ".part"),
        file_(std::fopen(part_.c_str(), "wbe")) {
    require(file_ != nullptr, "{}: cannot be opened for writing: {}", part_.string(), std::strerror(errno));
  }
  AtomicFile(AtomicFile&&) = delete;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile() {
    if (file_ == nullptr) return;
    file_.reset();
    std::error_code ignored;
    std::filesystem::remove(part_, ignored);
  }

  /// The path of the complete file.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Bytes written so far.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Appends bytes. Throws Error when the write fails.
  void write(std::span<const std::byte> bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail_because("write");
    size_ += bytes.size();
  }
  /// Appends text. Throws Error when the write fails.
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Renames the file to `path`. Throws Error when a write or the renaming fails; then the destructor removes
  /// the partial file.
  void commit() {
    if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) fail_because("write");
    std::error_code error;
    std::filesystem::rename(part_, path_, error);
    require(!error, "{}: rename failed: {}", path_.string(), error.message());
    file_.reset();
  }

 private:
  static std::filesystem::path replaceable(std::filesystem::path path) {
    std::error_code ignored;  // of a path that cannot be examined; fopen() has the reason
    const std::filesystem::file_status there = std::filesystem::status(path, ignored);
    require(!std::filesystem::exists(there) || std::filesystem::is_regular_file(there),
            "{}: is no regular file: a file would take its place", path.string());
    return path;
  }
  [[noreturn]] void fail_because(std::string_view what) const {
    fail("{}: {} failed: {}", path_.string(), what, std::strerror(errno));
  }
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::filesystem::path path_, part_;
  std::unique_ptr<std::FILE, Close> file_;  ///< null after commit()
  std::size_t size_ = 0;
};

/// Writes a whole file by AtomicFile. Throws Error as AtomicFile does.
inline void write_atomically(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace zofo
