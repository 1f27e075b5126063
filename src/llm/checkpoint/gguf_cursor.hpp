/// @file Reads GGUF's primitive values; checks every length against the bytes that remain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace zofo::checkpoint {

/// Reads little-endian values one after the other. A read past the end throws Error naming file, byte and the
/// value's name.
class GgufCursor {
 public:
  /// Starts at byte `position` of `bytes`; `file` starts the messages. Both must outlive the cursor.
  GgufCursor(std::span<const std::byte> bytes, std::string_view file, std::uint64_t position = 0)
      : bytes_(bytes), file_(file), position_(position) {}

  /// Bytes read so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  /// Bytes not read yet.
  [[nodiscard]] std::uint64_t remaining() const { return bytes_.size() - position_; }

  /// The next number.
  template <class T>
  T read(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  /// The next string: 64-bit length, bytes. The view is valid as long as the bytes; it may hold any bytes.
  std::string_view text(std::string_view what);

  /// The next string, which must be a name: 1 to 65535 bytes of UTF-8 without control characters.
  std::string name(std::string_view what);

  /// Skips `count` items of `size` bytes each.
  void skip(std::uint64_t count, std::uint64_t size, std::string_view what);

  /// Checks a count before anything is allocated for it: each item takes at least `least` bytes.
  void check_count(std::uint64_t count, std::uint64_t least, std::string_view what) const;

 private:
  const std::byte* take(std::uint64_t size, std::string_view what);

  std::span<const std::byte> bytes_;
  std::string_view file_;
  std::uint64_t position_;  ///< at most bytes_.size()
};

}  // namespace zofo::checkpoint
