/// @file A read-only file mapped into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace zofo::checkpoint {

/// Owns a read-only mapping of a regular file. Another program must not shorten the file meanwhile (SIGBUS).
class MappedFile {
 public:
  /// An empty mapping.
  MappedFile() = default;
  /// Maps `path`. Throws Error naming the path and the system's reason.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// The file's bytes, valid during the lifetime of this object or of the one that it was moved into.
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace zofo::checkpoint
