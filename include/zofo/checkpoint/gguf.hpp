/// @file GGUF files (ggml/docs/gguf.md), versions 2 and 3, little endian. Nothing in the file is trusted.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/checkpoint/gguf_cursor.hpp"
#include "zofo/checkpoint/gguf_metadata.hpp"
#include "zofo/checkpoint/gguf_tensors.hpp"
#include "zofo/checkpoint/mapped_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// A validated GGUF file. Opening checks every count, offset and size, so reading later cannot leave the
/// file. All const members may be called from many threads.
class GgufFile {
 public:
  /// Maps and validates a file. Throws Error naming the file and what is wrong.
  explicit GgufFile(const std::filesystem::path& path) : path_(path), name_(path.string()), file_(path) {
    bytes_ = file_.bytes();
    parse();
  }
  /// Validates bytes that the caller keeps alive; `name` stands for the file in messages.
  GgufFile(std::span<const std::byte> bytes, std::string name)
      : path_(name), name_(std::move(name)), bytes_(bytes) {
    parse();
  }

  /// The file's path.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Whether the metadata has `key`.
  [[nodiscard]] bool has(std::string_view key) const { return metadata_.has(key); }
  /// All keys, sorted.
  [[nodiscard]] std::vector<std::string> keys() const { return metadata_.keys(); }
  /// A string. As all accessors below, throws Error naming file and key when it is missing or of another
  /// type.
  [[nodiscard]] std::string string(std::string_view key) const { return metadata_.string(key); }
  /// An integer of any width that is not negative.
  [[nodiscard]] std::uint64_t unsigned_integer(std::string_view key) const {
    return metadata_.unsigned_integer(key);
  }
  /// A float of any width, or an integer, as double.
  [[nodiscard]] double number(std::string_view key) const { return metadata_.number(key); }
  /// A bool.
  [[nodiscard]] bool boolean(std::string_view key) const { return metadata_.boolean(key); }
  /// An array of strings.
  [[nodiscard]] std::vector<std::string> strings(std::string_view key) const {
    return metadata_.strings(key);
  }
  /// An array of floats of any width, rounded to float.
  [[nodiscard]] std::vector<float> floats(std::string_view key) const { return metadata_.floats(key); }
  /// An array of integers of any width.
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const {
    return metadata_.integers(key);
  }
  /// A value of any type as its bytes.
  [[nodiscard]] GgufRaw raw(std::string_view key) const { return metadata_.raw(key); }

  /// Whether the file has the tensor.
  [[nodiscard]] bool has_tensor(std::string_view name) const { return tensors_.has(name); }
  /// Names of all tensors in the file's order.
  [[nodiscard]] std::vector<std::string> tensor_names() const { return tensors_.names(); }
  /// A tensor's place and shape. Throws Error naming file and tensor when it is missing.
  [[nodiscard]] const TensorInfo& tensor(std::string_view name) const { return tensors_.tensor(name); }
  /// Writes a tensor as floats, shape[0] fastest. Throws Error unless `out` holds exactly its elements.
  void read(std::string_view name, std::span<float> out) const {
    const TensorInfo& info = tensor(name);
    require(out.size() == info.elements, "{}: tensor '{}' has {} elements, {} are wanted", name_, name,
            info.elements, out.size());
    dequantize(info.type, bytes_.subspan(info.offset, info.bytes), out);
  }

 private:
  void parse() {
    GgufCursor cursor(bytes_, name_);
    metadata_ = GgufMetadata(bytes_, name_);
    tensors_ = GgufTensors(bytes_.size(), name_);
    const auto magic = cursor.read<std::uint32_t>("magic");
    require(magic == gguf_magic, "{}: magic {:#010x}: must be \"GGUF\" ({:#010x})", name_, magic, gguf_magic);
    const auto version = cursor.read<std::uint32_t>("version");
    require(version == 2 || version == 3, "{}: version {}: must be 2 or 3, little endian", name_, version);
    const auto tensors = cursor.read<std::uint64_t>("tensor count");
    const auto values = cursor.read<std::uint64_t>("key count");
    cursor.check_count(values, 14, "key count");  // key length, one byte, type, one byte
    for (std::uint64_t i = 0; i < values; ++i) metadata_.read_value(cursor);
    cursor.check_count(tensors, 33,
                       "tensor count");  // name length, one byte, rank, one dimension, type, offset
    tensors_.reserve(tensors);
    for (std::uint64_t i = 0; i < tensors; ++i) tensors_.read_info(cursor);
    tensors_.place(cursor.position(), alignment());
  }
  [[nodiscard]] std::uint64_t alignment() const {
    constexpr std::string_view key = "general.alignment";
    if (!has(key)) return gguf_default_alignment;
    const std::uint64_t bytes = unsigned_integer(key);
    require(std::has_single_bit(bytes) && bytes <= (1u << 30),
            "{}: {} = {}: must be a power of two up to 2^30", name_, key, bytes);
    return bytes;
  }

  std::filesystem::path path_;
  std::string name_;
  MappedFile file_;
  std::span<const std::byte> bytes_;
  GgufMetadata metadata_;
  GgufTensors tensors_;
};

}  // namespace zofo::checkpoint
