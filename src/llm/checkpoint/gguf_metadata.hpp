/// @file The metadata of a GGUF file: keys with typed values.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf_cursor.hpp"
#include "zofo/checkpoint/gguf_format.hpp"

namespace zofo::checkpoint {

/// The keys of a file and the positions of their values in its bytes. read_value checks every length, so the
/// accessors stay within the bytes.
class GgufMetadata {
 public:
  /// No keys.
  GgufMetadata() = default;
  /// `bytes` must outlive the object; `name` stands for the file in messages.
  GgufMetadata(std::span<const std::byte> bytes, std::string name) : name_(std::move(name)), bytes_(bytes) {}

  /// Reads the next key and its value. Throws Error naming the file and the fault.
  void read_value(GgufCursor& cursor);

  /// Whether the metadata has `key`.
  [[nodiscard]] bool has(std::string_view key) const { return values_.contains(key); }
  /// All keys, sorted.
  [[nodiscard]] std::vector<std::string> keys() const;
  /// A string. Like all accessors below, throws Error naming file and key when it is missing or of another
  /// type.
  [[nodiscard]] std::string string(std::string_view key) const;
  /// A non-negative integer of any width.
  [[nodiscard]] std::uint64_t unsigned_integer(std::string_view key) const;
  /// A float or an integer of any width, as double.
  [[nodiscard]] double number(std::string_view key) const;
  /// A bool.
  [[nodiscard]] bool boolean(std::string_view key) const;
  /// An array of strings.
  [[nodiscard]] std::vector<std::string> strings(std::string_view key) const;
  /// An array of floats of any width, rounded to float.
  [[nodiscard]] std::vector<float> floats(std::string_view key) const;
  /// An array of integers of any width.
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const;
  /// A value of any type as its bytes.
  [[nodiscard]] GgufRaw raw(std::string_view key) const;

 private:
  /// A value: `position` is that of its first element. A scalar has one element.
  struct Value {
    GgufValue type;
    bool array;
    std::uint64_t count;
    std::uint64_t position;
  };

  [[nodiscard]] const Value& value(std::string_view key, bool array, std::string_view wanted) const;
  [[noreturn]] void wrong_type(std::string_view key, std::string_view wanted) const;
  [[nodiscard]] GgufCursor at(const Value& value) const { return {bytes_, name_, value.position}; }
  template <std::integral T>
  [[nodiscard]] T read_integer(GgufCursor& cursor, GgufValue type, std::string_view key,
                               std::string_view wanted) const;

  std::string name_;
  std::span<const std::byte> bytes_;
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace zofo::checkpoint
