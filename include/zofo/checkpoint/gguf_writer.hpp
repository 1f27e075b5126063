/// @file Writes GGUF files, version 3, little endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/checkpoint/gguf_cursor.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Collects metadata and tensors, then writes them. Members are named as GgufFile's; keys and names are
/// checked by whoever opens the file.
class GgufWriter {
 public:
  /// Adds a string.
  void string(std::string_view key, std::string_view value) {
    begin(key, GgufValue::String);
    append_text(metadata_, value);
  }
  /// Adds an unsigned 32-bit integer.
  void unsigned_integer(std::string_view key, std::uint32_t value) { scalar(key, GgufValue::U32, value); }
  /// Adds a 32-bit float.
  void number(std::string_view key, float value) { scalar(key, GgufValue::F32, value); }
  /// Adds a bool.
  void boolean(std::string_view key, bool value) { scalar(key, GgufValue::Bool, std::uint8_t{value}); }
  /// Adds an array of strings.
  void strings(std::string_view key, std::span<const std::string> values) {
    begin_array(key, GgufValue::String, values.size());
    for (const std::string& value : values) append_text(metadata_, value);
  }
  /// Adds an array of 32-bit integers.
  void integers(std::string_view key, std::span<const std::int32_t> values) {
    begin_array(key, GgufValue::I32, values.size());
    for (const std::int32_t value : values) append(metadata_, value);
  }
  /// Adds an array of 32-bit floats.
  void floats(std::string_view key, std::span<const float> values) {
    begin_array(key, GgufValue::F32, values.size());
    for (const float value : values) append(metadata_, value);
  }

  /// Adds an F32 tensor; `shape` in ggml order (shape[0] contiguous). Throws Error unless it has
  /// `values.size()` elements.
  void tensor(std::string_view name, std::span<const std::uint64_t> shape, std::span<const float> values) {
    tensor(name, shape, GgmlType::F32, std::as_bytes(values));
  }
  /// Adds a tensor already stored as `type`. Throws Error unless `bytes` is exactly its size.
  void tensor(std::string_view name, std::span<const std::uint64_t> shape, GgmlType type,
              std::span<const std::byte> bytes) {
    declare(name, shape, type);
    require(bytes.size() == sizes_.back(), "tensor '{}': {} bytes: {} of this shape takes {}", name,
            bytes.size(), block_layout(type)->name, sizes_.back());
    data_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    pad(data_);
  }
  /// Adds a value as GgufFile::raw read it.
  void raw(std::string_view key, const GgufRaw& value) {
    begin(key, value.array ? GgufValue::Array : value.type);
    if (value.array) {
      append(metadata_, value.type);
      append(metadata_, value.count);
    }
    metadata_.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  }

  /// Announces a tensor whose bytes stream() asks for. Throws Error unless rows are whole blocks of `type`.
  void declare(std::string_view name, std::span<const std::uint64_t> shape, GgmlType type) {
    const auto layout = block_layout(type);
    require(layout.has_value(), "tensor '{}': type must be one of {}", name, supported_types);
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : shape) elements *= extent;
    require(elements % layout->values == 0, "tensor '{}': {} values are no whole blocks of {}", name,
            elements, layout->name);
    append_text(infos_, name);
    append(infos_, static_cast<std::uint32_t>(shape.size()));
    for (const std::uint64_t extent : shape) append(infos_, extent);
    append(infos_, type);
    append(infos_, end_);
    sizes_.push_back(elements / layout->values * layout->bytes);
    end_ += (sizes_.back() + gguf_default_alignment - 1) / gguf_default_alignment * gguf_default_alignment;
  }

  /// Writes a file whose tensors are all declared: `bytes_of(i)` gives the i-th's bytes when they are due, so
  /// that no second copy of a model is held. Throws Error naming the path.
  template <class BytesOf>
  void stream(const std::filesystem::path& path, BytesOf&& bytes_of) const {
    AtomicFile file(path);
    file.write(head());
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const std::vector<std::byte> bytes = bytes_of(i);
      require(bytes.size() == sizes_[i], "{}: tensor {}: {} bytes: must have {}", path.string(), i,
              bytes.size(), sizes_[i]);
      file.write(bytes);
      const std::size_t rest = file.size() % gguf_default_alignment;
      file.write(std::string(rest == 0 ? 0 : gguf_default_alignment - rest, '\0'));
    }
    file.commit();
  }

  /// The file's bytes.
  [[nodiscard]] std::string bytes() const { return head() += data_; }
  /// Writes the file. Throws Error naming the path.
  void write(const std::filesystem::path& path) const {
    const std::string file = bytes();
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(file.data(), static_cast<std::streamsize>(file.size()));
    out.close();
    require(!out.fail(), "{}: cannot write {} bytes", path.string(), file.size());
  }

 private:
  /// All that stands before the tensors' data.
  [[nodiscard]] std::string head() const {
    std::string file;
    append(file, gguf_magic);
    append(file, std::uint32_t{3});
    append(file, static_cast<std::uint64_t>(sizes_.size()));
    append(file, value_count_);
    file += metadata_;
    file += infos_;
    pad(file);
    return file;
  }
  template <class T>
  static void append(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  static void append_text(std::string& to, std::string_view text) {
    append(to, static_cast<std::uint64_t>(text.size()));
    to.append(text);
  }
  static void pad(std::string& to) {
    to.resize((to.size() + gguf_default_alignment - 1) / gguf_default_alignment * gguf_default_alignment);
  }
  void begin(std::string_view key, GgufValue type) {
    append_text(metadata_, key);
    append(metadata_, type);
    ++value_count_;
  }
  void begin_array(std::string_view key, GgufValue type, std::size_t count) {
    begin(key, GgufValue::Array);
    append(metadata_, type);
    append(metadata_, static_cast<std::uint64_t>(count));
  }
  template <class T>
  void scalar(std::string_view key, GgufValue type, T value) {
    begin(key, type);
    append(metadata_, value);
  }

  std::string metadata_, infos_, data_;
  std::vector<std::uint64_t> sizes_;  ///< of the tensors, in bytes
  std::uint64_t value_count_ = 0;
  std::uint64_t end_ = 0;  ///< of the tensors' data, padded
};

}  // namespace zofo::checkpoint
