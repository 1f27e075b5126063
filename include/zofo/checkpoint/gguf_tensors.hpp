/// @file The tensors of a GGUF file: names, shapes, types and places.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "zofo/checkpoint/dequantize.hpp"
#include "zofo/checkpoint/gguf_cursor.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Where a tensor lies and what it is.
struct TensorInfo {
  std::string name;
  std::vector<std::uint64_t> shape;  ///< ggml order: shape[0] is contiguous, a matrix of `shape[1]` rows
  GgmlType type = GgmlType::F32;
  std::uint64_t offset = 0;    ///< of its first byte, from the start of the file
  std::uint64_t bytes = 0;     ///< its size as stored
  std::uint64_t elements = 0;  ///< the product of its shape
};

/// All tensors of a file of `bytes` bytes; `name` stands for it in messages.
class GgufTensors {
 public:
  GgufTensors() = default;
  GgufTensors(std::size_t bytes, std::string name) : name_(std::move(name)), bytes_(bytes) {}

  /// Reserves memory for so many. The caller has checked that the file can hold them.
  void reserve(std::uint64_t count) { tensors_.reserve(static_cast<std::size_t>(count)); }
  /// Reads the description of the next tensor. Throws Error naming the file and what is wrong.
  void read_info(GgufCursor& cursor);
  /// Turns offsets within the tensor data, which starts at the next multiple of `align` after the header,
  /// into offsets within the file. Throws Error if a tensor is not within the file or overlaps another.
  void place(std::uint64_t header_end, std::uint64_t align);

  /// Whether the file has the tensor.
  [[nodiscard]] bool has(std::string_view name) const { return index_.contains(std::string(name)); }
  /// Names of all tensors in the file's order.
  [[nodiscard]] std::vector<std::string> names() const;
  /// A tensor's place and shape. Throws Error naming file and tensor when it is missing.
  [[nodiscard]] const TensorInfo& tensor(std::string_view name) const;

 private:
  void measure(TensorInfo& info) const;
  void check_overlap() const;

  std::string name_;
  std::size_t bytes_ = 0;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

inline void GgufTensors::read_info(GgufCursor& cursor) {
  TensorInfo info;
  info.name = cursor.name("tensor name");
  const auto rank = cursor.read<std::uint32_t>(info.name);
  require(rank >= 1 && rank <= 4, "{}: tensor '{}': {} dimensions: must have 1 to 4", name_, info.name, rank);
  for (std::uint32_t i = 0; i < rank; ++i) info.shape.push_back(cursor.read<std::uint64_t>(info.name));
  info.type = static_cast<GgmlType>(cursor.read<std::uint32_t>(info.name));
  info.offset = cursor.read<std::uint64_t>(info.name);
  measure(info);
  require(index_.emplace(info.name, tensors_.size()).second, "{}: tensor '{}' appears twice", name_,
          info.name);
  tensors_.push_back(std::move(info));
}

inline void GgufTensors::measure(TensorInfo& info) const {
  const auto layout = block_layout(info.type);
  require(layout.has_value(), "{}: tensor '{}': type {}: must be one of {}", name_, info.name,
          static_cast<std::uint32_t>(info.type), supported_types);
  // A value takes at least half a byte, so no tensor has more than twice as many values as the file has
  // bytes.
  const std::uint64_t most = 2 * static_cast<std::uint64_t>(bytes_);
  info.elements = 1;
  for (const std::uint64_t extent : info.shape) {
    require(extent >= 1 && extent <= most / info.elements,
            "{}: tensor '{}': dimension {}: must be at least 1, and the shape fit a file of {} bytes", name_,
            info.name, extent, bytes_);
    info.elements *= extent;
  }
  require(info.shape[0] % layout->values == 0,
          "{}: tensor '{}': row of {} values: must be a multiple of {} ({})", name_, info.name, info.shape[0],
          layout->values, layout->name);
  info.bytes = info.elements / layout->values * layout->bytes;
}

inline void GgufTensors::place(std::uint64_t header_end, std::uint64_t align) {
  const std::uint64_t begin = (header_end + align - 1) / align * align;
  const std::uint64_t room = bytes_ - std::min<std::uint64_t>(begin, bytes_);
  for (TensorInfo& info : tensors_) {
    require(info.offset % align == 0, "{}: tensor '{}': offset {}: must be a multiple of {}", name_,
            info.name, info.offset, align);
    require(info.offset <= room && info.bytes <= room - info.offset,
            "{}: tensor '{}': {} bytes at offset {} of {} bytes of tensor data (a truncated file?)", name_,
            info.name, info.bytes, info.offset, room);
    info.offset += begin;
  }
  check_overlap();
}

inline void GgufTensors::check_overlap() const {
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& info : tensors_) order.push_back(&info);
  std::ranges::sort(order, {}, &TensorInfo::offset);
  for (std::size_t i = 1; i < order.size(); ++i)
    require(order[i - 1]->offset + order[i - 1]->bytes <= order[i]->offset,
            "{}: tensor '{}' overlaps tensor '{}'", name_, order[i - 1]->name, order[i]->name);
}

inline std::vector<std::string> GgufTensors::names() const {
  std::vector<std::string> result;
  for (const TensorInfo& info : tensors_) result.push_back(info.name);
  return result;
}

inline const TensorInfo& GgufTensors::tensor(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  require(found != index_.end(), "{}: tensor '{}' is missing", name_, name);
  return tensors_[found->second];
}

}  // namespace zofo::checkpoint
