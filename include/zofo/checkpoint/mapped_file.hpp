/// @file A read-only file mapped into memory.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Owns a read-only mapping of a regular file. Another program must not shorten the file meanwhile (SIGBUS).
class MappedFile {
 public:
  /// An empty mapping.
  MappedFile() = default;
  /// Maps `path`. Throws Error naming the path and the system's reason.
  explicit MappedFile(const std::filesystem::path& path) {
    // A pipe without O_NONBLOCK would wait for somebody to write.
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    require(file.number >= 0, "{}: cannot open: {}", path.string(), std::strerror(errno));
    struct stat status {};
    require(::fstat(file.number, &status) == 0, "{}: cannot stat: {}", path.string(), std::strerror(errno));
    require(S_ISREG(status.st_mode), "{}: must be a regular file", path.string());
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0) return;  // mmap refuses an empty range
    data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number, 0);
    require(data_ != MAP_FAILED, "{}: cannot map: {}", path.string(), std::strerror(errno));
  }
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }

  /// The file's bytes, valid while this object (or the one it was moved into) lives.
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  struct Descriptor {
    int number;
    ~Descriptor() {
      if (number >= 0) ::close(number);
    }
  };

  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace zofo::checkpoint
