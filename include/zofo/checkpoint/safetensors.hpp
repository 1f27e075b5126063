/// @file Reads safetensors files (huggingface/safetensors, README "Format"). The files are untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "zofo/checkpoint/mapped_file.hpp"

namespace zofo::checkpoint {

/// A tensor of a safetensors file.
struct SafetensorsEntry {
  std::string name;                  ///< unique in the file
  std::string dtype;                 ///< as the file spells it: F32, BF16, I64, ...
  std::vector<std::uint64_t> shape;  ///< row-major: the last extent is contiguous
  std::uint64_t begin = 0;           ///< of its first byte, counted from the end of the header
  std::uint64_t end = 0;             ///< of its last byte, plus 1
  std::uint64_t elements = 0;        ///< the product of its shape
};

/// A validated safetensors file. The constructor reads only the header and checks every shape, size and
/// offset, so later reads stay within the file. All const members may be called from many threads.
class SafetensorsFile {
 public:
  /// Size limit of the header in bytes, as in the reference implementation.
  static constexpr std::uint64_t max_header = 100'000'000;

  /// Maps and validates a file. Throws Error naming the file and the fault.
  explicit SafetensorsFile(const std::filesystem::path& path);
  /// Validates bytes that must outlive the object; `name` stands for the file in messages.
  SafetensorsFile(std::span<const std::byte> bytes, std::string name);

  /// The file's name, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// All tensors in the order of their bytes.
  [[nodiscard]] const std::vector<SafetensorsEntry>& tensors() const { return tensors_; }
  /// Whether the file has the tensor.
  [[nodiscard]] bool has(std::string_view tensor) const;
  /// A tensor's location and shape. Throws Error naming file and tensor when it is missing.
  [[nodiscard]] const SafetensorsEntry& tensor(std::string_view name) const;
  /// Converts a tensor to floats, row-major. Throws Error unless it is F64, F32, F16, BF16, F8_E4M3 or
  /// F8_E5M2 and `out` has exactly its number of elements.
  void read(std::string_view name, std::span<float> out) const;
  /// The bytes of one of tensors().
  [[nodiscard]] std::span<const std::byte> bytes(const SafetensorsEntry& entry) const {
    return data_.subspan(entry.begin, entry.end - entry.begin);
  }

 private:
  void parse(std::span<const std::byte> bytes);
  void measure(SafetensorsEntry& entry) const;
  void check_cover();

  std::string name_;
  MappedFile file_;
  std::span<const std::byte> data_;  ///< after the header
  std::vector<SafetensorsEntry> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace zofo::checkpoint
