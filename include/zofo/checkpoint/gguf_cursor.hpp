/// @file GGUF's primitive values, read with every length checked against the bytes that remain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Value types of GGUF's metadata (ggml/docs/gguf.md, enum gguf_metadata_value_type).
enum class GgufValue : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// First four bytes of a file: "GGUF".
inline constexpr std::uint32_t gguf_magic = 0x46554747u;
/// Alignment of tensor data unless `general.alignment` says otherwise.
inline constexpr std::uint32_t gguf_default_alignment = 32;

/// A metadata value as its bytes, to be copied into another file.
struct GgufRaw {
  GgufValue type = GgufValue::U8;  ///< of an element where it is an array
  bool array = false;
  std::uint64_t count = 1;
  std::span<const std::byte> bytes;  ///< of its elements, as long as the file's bytes live
};

/// Reads little-endian values one after the other; whatever would run past the end throws Error naming file,
/// byte and what was read.
class GgufCursor {
 public:
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

  /// The next string: 64-bit length, bytes. The view lives as long as the bytes; any bytes are allowed.
  std::string_view text(std::string_view what) {
    const auto length = read<std::uint64_t>(what);
    return {reinterpret_cast<const char*>(take(length, what)), static_cast<std::size_t>(length)};
  }

  /// The next string, which names something: 1 to 65535 bytes of UTF-8 without control characters.
  std::string name(std::string_view what) {
    const std::uint64_t at = position_;
    const std::string_view value = text(what);
    require(!value.empty() && value.size() <= 65535, "{}: byte {}: {} of {} bytes: must have 1 to 65535",
            file_, at, what, value.size());
    require(is_printable_utf8(value), "{}: byte {}: {} must be UTF-8 without control characters", file_, at,
            what);
    return std::string(value);
  }

  /// Passes over `count` items of `size` bytes each.
  void skip(std::uint64_t count, std::uint64_t size, std::string_view what) {
    require(count <= remaining() / size, "{}: byte {}: {}: {} items of {} bytes, but {} bytes remain", file_,
            position_, what, count, size, remaining());
    position_ += count * size;
  }

  /// Checks a count before anything is allocated for it: each item takes at least `least` bytes.
  void check_count(std::uint64_t count, std::uint64_t least, std::string_view what) const {
    require(count <= remaining() / least, "{}: {} = {}: {} bytes remain, at least {} are needed for each",
            file_, what, count, remaining(), least);
  }

 private:
  const std::byte* take(std::uint64_t size, std::string_view what) {
    require(size <= remaining(), "{}: byte {}: {} needs {} bytes, but {} remain", file_, position_, what,
            size, remaining());
    const std::byte* at = bytes_.data() + position_;
    position_ += size;
    return at;
  }

  std::span<const std::byte> bytes_;
  std::string_view file_;
  std::uint64_t position_;  ///< never past the end
};

}  // namespace zofo::checkpoint
