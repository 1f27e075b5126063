/// @file safetensors files (huggingface/safetensors, README "Format"). Nothing in the file is trusted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "zofo/checkpoint/mapped_file.hpp"
#include "zofo/checkpoint/safetensors_header.hpp"
#include "zofo/checkpoint/widen.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// A validated safetensors file. Opening reads the header alone and checks every shape, size and offset, so
/// reading later cannot leave the file. All const members may be called from many threads.
class SafetensorsFile {
 public:
  /// The longest header, as the reference implementation has it.
  static constexpr std::uint64_t max_header = 100'000'000;

  /// Maps and validates a file. Throws Error naming the file and what is wrong.
  explicit SafetensorsFile(const std::filesystem::path& path) : name_(path.string()), file_(path) {
    parse(file_.bytes());
  }
  /// Validates bytes that the caller keeps alive; `name` stands for the file in messages.
  SafetensorsFile(std::span<const std::byte> bytes, std::string name) : name_(std::move(name)) {
    parse(bytes);
  }

  /// The file's name, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// All tensors in the order of their bytes.
  [[nodiscard]] const std::vector<SafetensorsEntry>& tensors() const { return tensors_; }
  [[nodiscard]] bool has(std::string_view tensor) const { return index_.contains(std::string(tensor)); }
  /// A tensor's place and shape. Throws Error naming file and tensor when it is missing.
  [[nodiscard]] const SafetensorsEntry& tensor(std::string_view name) const {
    const auto found = index_.find(std::string(name));
    require(found != index_.end(), "{}: tensor '{}' is missing", name_, name);
    return tensors_[found->second];
  }
  /// Writes a tensor as floats, row-major. Throws Error unless it is F32, F16 or BF16 and `out` holds exactly
  /// its elements.
  void read(std::string_view name, std::span<float> out) const {
    const SafetensorsEntry& entry = tensor(name);
    require(out.size() == entry.elements, "{}: tensor '{}' has {} elements, {} are wanted", name_, name,
            entry.elements, out.size());
    const auto bytes = data_.subspan(entry.begin, entry.end - entry.begin);
    if (entry.dtype == "F32") return widen_float(bytes, out);
    if (entry.dtype == "F16") return widen_half(bytes, out);
    if (entry.dtype == "BF16") return widen_bfloat16(bytes, out);
    fail("{}: tensor '{}': dtype '{}': must be F32, F16 or BF16", name_, name, entry.dtype);
  }

 private:
  void parse(std::span<const std::byte> bytes) {
    std::uint64_t length = 0;
    require(bytes.size() >= sizeof length, "{}: {} bytes: a safetensors file has at least 8", name_,
            bytes.size());
    std::memcpy(&length, bytes.data(), sizeof length);
    require(length <= max_header && length <= bytes.size() - sizeof length,
            "{}: header length {}: must be at most {}, and the file has {} bytes after it (a truncated file, "
            "or not safetensors)",
            name_, length, max_header, bytes.size() - sizeof length);
    const auto header = bytes.subspan(sizeof length, length);
    const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
    require(text.starts_with('{'), "{}: header: must begin with '{{'", name_);
    data_ = bytes.subspan(sizeof length + length);
    tensors_ = SafetensorsHeader(text, name_).take();
    for (SafetensorsEntry& entry : tensors_) measure(entry);
    check_cover();
    for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
  }

  void measure(SafetensorsEntry& entry) const {
    require(
        entry.begin <= entry.end && entry.end <= data_.size(),
        "{}: tensor '{}': data_offsets [{}, {}]: must be in order and within {} bytes of data (a truncated "
        "file?)",
        name_, entry.name, entry.begin, entry.end, data_.size());
    entry.elements = 1;
    for (const std::uint64_t extent : entry.shape)
      require(!__builtin_mul_overflow(entry.elements, extent, &entry.elements),
              "{}: tensor '{}': shape: its product goes past 2^64", name_, entry.name);
    const std::uint64_t size = safetensors_bytes(entry.dtype);
    if (size == 0) return;  // refused when it is read; where it lies is checked all the same
    std::uint64_t wanted = 0;
    require(!__builtin_mul_overflow(entry.elements, size, &wanted) && wanted == entry.end - entry.begin,
            "{}: tensor '{}': {} bytes do not hold its {} elements of {}", name_, entry.name,
            entry.end - entry.begin, entry.elements, entry.dtype);
  }

  // The format allows neither holes nor overlaps: each tensor begins where the one before it ends.
  void check_cover() {
    std::ranges::sort(tensors_, [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t end = 0;
    for (const SafetensorsEntry& entry : tensors_) {
      require(entry.begin == end, "{}: tensor '{}': begins at byte {}: the tensor before it ends at {}",
              name_, entry.name, entry.begin, end);
      end = entry.end;
    }
    require(end == data_.size(), "{}: tensors end at byte {} of {} bytes of data: must fill them", name_, end,
            data_.size());
  }

  std::string name_;
  MappedFile file_;
  std::span<const std::byte> data_;  ///< after the header
  std::vector<SafetensorsEntry> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace zofo::checkpoint
