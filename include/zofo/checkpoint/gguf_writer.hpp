/// @file Writes GGUF files, version 3, little endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/ggml_type.hpp"
#include "zofo/checkpoint/gguf_format.hpp"

namespace zofo::checkpoint {

/// Collects metadata and tensors, then writes them. Members are named like GgufFile's. Keys and names are not
/// checked here: the reader checks them.
class GgufWriter {
 public:
  /// Adds a string.
  void string(std::string_view key, std::string_view value);
  /// Adds an unsigned 32-bit integer.
  void unsigned_integer(std::string_view key, std::uint32_t value);
  /// Adds a 32-bit float.
  void number(std::string_view key, float value);
  /// Adds a bool.
  void boolean(std::string_view key, bool value);
  /// Adds an array of strings.
  void strings(std::string_view key, std::span<const std::string> values);
  /// Adds an array of 32-bit integers.
  void integers(std::string_view key, std::span<const std::int32_t> values);
  /// Adds an array of 32-bit floats.
  void floats(std::string_view key, std::span<const float> values);
  /// Adds a value that GgufFile::raw returned.
  void raw(std::string_view key, const GgufRaw& value);

  /// Adds an F32 tensor; `shape` in ggml order (shape[0] contiguous). Throws Error unless it has
  /// `values.size()` elements.
  void tensor(std::string_view name, std::span<const std::uint64_t> shape, std::span<const float> values);
  /// Adds a tensor already stored as `type`. Throws Error unless `bytes` has exactly its size.
  void tensor(std::string_view name, std::span<const std::uint64_t> shape, GgmlType type,
              std::span<const std::byte> bytes);

  /// Announces a tensor whose bytes stream() requests. Throws Error unless it has whole blocks of `type`.
  void declare(std::string_view name, std::span<const std::uint64_t> shape, GgmlType type);
  /// Writes a file whose tensors are all declared. `bytes_of(i)` returns the bytes of tensor i when they are
  /// to be written, so that no second copy of a model is in memory. Throws Error naming the path.
  void stream(const std::filesystem::path& path,
              const std::function<std::vector<std::byte>(std::size_t)>& bytes_of) const;

  /// The file's bytes.
  [[nodiscard]] std::string bytes() const;
  /// Writes the file. Throws Error naming the path.
  void write(const std::filesystem::path& path) const;

 private:
  [[nodiscard]] std::string header() const;
  void begin(std::string_view key, GgufValue type);
  void begin_array(std::string_view key, GgufValue type, std::size_t count);

  std::string metadata_, infos_, data_;
  std::vector<std::uint64_t> sizes_;  ///< of the tensors, in bytes
  std::uint64_t value_count_ = 0;
  std::uint64_t end_ = 0;  ///< of the tensors' data, padded
};

}  // namespace zofo::checkpoint
