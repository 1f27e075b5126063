/// @file Archives of states on disk: a header, the values, a checksum.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/archive_format.hpp"
#include "zofo/core/archive_reader.hpp"
#include "zofo/core/archive_writer.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/hash.hpp"

namespace zofo {

namespace detail {

inline constexpr std::string_view archive_magic =
    "ZOFO\r\n\x1a\n";  // line ends: a transfer that changes them is found
inline constexpr std::uint32_t archive_version = 1;

/// The first bytes of an archive file.
struct ArchiveHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t kind_size;      ///< bytes of the kind's name, which follows
  std::uint64_t contents_size;  ///< bytes of values after it; the XXH64 of all before follows them
};
static_assert(sizeof(ArchiveHeader) == 24);

}  // namespace detail

/// Writes an archive with a header and a checksum: the file appears whole or not at all. `kind` names its
/// contents ("solver state"). Throws Error naming the path when a write fails.
inline void write_archive(const std::filesystem::path& path, std::string_view kind,
                          const ArchiveWriter& archive) {
  detail::ArchiveHeader header{{},
                               detail::archive_version,
                               static_cast<std::uint32_t>(kind.size()),
                               static_cast<std::uint64_t>(archive.bytes().size())};
  std::memcpy(header.magic, detail::archive_magic.data(), sizeof header.magic);
  AtomicFile file(path);
  Hash64 hash;
  const auto write = [&](std::span<const std::byte> bytes) {
    file.write(bytes);
    hash.update(bytes);
  };
  write(std::as_bytes(std::span(&header, 1)));
  write(std::as_bytes(std::span(kind)));
  write(archive.bytes());
  const std::uint64_t checksum = hash.value();
  file.write(std::as_bytes(std::span(&checksum, 1)));
  file.commit();
}

/// The contents of an archive file.
class ArchiveFile {
 public:
  /// Reads the whole file. Throws Error naming the path and what is wrong unless it is an archive of this
  /// kind and version, whole and undamaged.
  ArchiveFile(const std::filesystem::path& path, std::string_view kind) : name_(path.string()) {
    load(path);
    detail::ArchiveHeader header{};
    require(bytes_.size() >= sizeof header + sizeof(std::uint64_t),
            "{}: byte 0: {} bytes are no zofo archive", name_, bytes_.size());
    std::memcpy(&header, bytes_.data(), sizeof header);
    require(std::string_view(header.magic, sizeof header.magic) == detail::archive_magic,
            "{}: byte 0: is no zofo archive: the first 8 bytes are others", name_);
    require(header.version == detail::archive_version, "{}: byte 8: version {} of the format: must be {}",
            name_, header.version, detail::archive_version);
    const std::size_t rest = bytes_.size() - sizeof header - sizeof(std::uint64_t);
    require(header.kind_size <= rest && header.contents_size == rest - header.kind_size,
            "{}: byte 16: {} bytes of values are announced, the file has {}: it is cut short or has grown",
            name_, header.contents_size, header.kind_size <= rest ? rest - header.kind_size : rest);
    std::uint64_t checksum = 0;
    const std::size_t end = bytes_.size() - sizeof checksum;
    std::memcpy(&checksum, bytes_.data() + end, sizeof checksum);
    const std::uint64_t found = Hash64().update(bytes_.data(), end).value();
    require(found == checksum, "{}: byte {}: the checksum is {}, that of the bytes {}: the file is damaged",
            name_, end, hash_text(checksum), hash_text(found));
    const std::string_view its(reinterpret_cast<const char*>(bytes_.data()) + sizeof header,
                               header.kind_size);
    require(its == kind, "{}: byte {}: is an archive of kind '{}': must be '{}'", name_, sizeof header, its,
            kind);
    start_ = sizeof header + header.kind_size;
    size_ = header.contents_size;
  }

  /// A reader of the file's values. It refers to this object, which must outlive it.
  [[nodiscard]] ArchiveReader reader() const {
    return {std::span(bytes_).subspan(start_, size_), name_, start_};
  }

 private:
  void load(const std::filesystem::path& path) {
    struct Close {
      void operator()(std::FILE* file) const { std::fclose(file); }
    };
    const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
    require(file != nullptr, "{}: cannot be opened: {}", name_, std::strerror(errno));
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    require(!error, "{}: cannot be read: {}", name_, error.message());
    bytes_.resize(static_cast<std::size_t>(size));
    const std::size_t read = std::fread(bytes_.data(), 1, bytes_.size(), file.get());
    require(read == bytes_.size(), "{}: byte {}: read failed: {}", name_, read,
            std::ferror(file.get()) != 0 ? std::strerror(errno) : "the file has become shorter");
  }

  std::string name_;
  std::vector<std::byte> bytes_;
  std::size_t start_ = 0, size_ = 0;
};

}  // namespace zofo
