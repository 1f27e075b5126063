/// @file Reads GGUF files (ggml/docs/gguf.md), versions 2 and 3, little endian. The files are untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/ggml_type.hpp"
#include "zofo/checkpoint/gguf_format.hpp"

namespace zofo::checkpoint {

/// Location, shape and type of a tensor in a GGUF file.
struct TensorInfo {
  std::string name;                  ///< unique in the file
  std::vector<std::uint64_t> shape;  ///< ggml order: shape[0] is contiguous, a matrix has `shape[1]` rows
  GgmlType type = GgmlType::F32;     ///< as stored
  std::uint64_t offset = 0;          ///< of its first byte, from the start of the file that has it
  std::uint64_t bytes = 0;           ///< its size as stored
  std::uint64_t elements = 0;        ///< the product of its shape
};

/// A validated GGUF file, or all parts of a split model (gguf-split), which has the metadata of its first
/// part and the tensors of all. The constructor checks every count, offset and size, so later reads stay
/// within the files. All const members may be called from many threads.
class GgufFile {
 public:
  /// Maps and validates a file; for the first part of a split model also the other parts, which must be next
  /// to it. Throws Error naming the file and the fault, as for another part, or a part that is missing.
  explicit GgufFile(const std::filesystem::path& path);
  /// Validates bytes that must outlive the object; `name` stands for the file in messages.
  GgufFile(std::span<const std::byte> bytes, std::string name);
  GgufFile(GgufFile&& other) noexcept;
  GgufFile& operator=(GgufFile&& other) noexcept;
  ~GgufFile();

  /// The file's path; that of the first part.
  [[nodiscard]] const std::filesystem::path& path() const;
  /// Size of the file, or of all parts.
  [[nodiscard]] std::uint64_t bytes() const;

  /// Whether the metadata has `key`.
  [[nodiscard]] bool has(std::string_view key) const;
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
  /// A value of any type as its bytes, which are valid as long as this object.
  [[nodiscard]] GgufRaw raw(std::string_view key) const;

  /// Whether the file has the tensor.
  [[nodiscard]] bool has_tensor(std::string_view name) const;
  /// Names of all tensors in the file's order.
  [[nodiscard]] std::vector<std::string> tensor_names() const;
  /// A tensor's location and shape. Throws Error naming file and tensor when it is missing.
  [[nodiscard]] const TensorInfo& tensor(std::string_view name) const;
  /// Converts a tensor to floats, shape[0] fastest. Throws Error unless `out` has exactly its number of
  /// elements, and naming a value that is NaN or infinite.
  void read(std::string_view name, std::span<float> out) const;

 private:
  struct Contents;
  std::unique_ptr<const Contents> contents_;
};

}  // namespace zofo::checkpoint
