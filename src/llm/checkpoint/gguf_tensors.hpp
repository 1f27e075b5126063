/// @file The tensors of a GGUF file: names, shapes, types and offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gguf_cursor.hpp"
#include "zofo/checkpoint/gguf.hpp"

namespace zofo::checkpoint {

/// Descriptions of all tensors of a file.
class GgufTensors {
 public:
  /// No tensors.
  GgufTensors() = default;
  /// Of a file of `bytes` bytes; `name` stands for it in messages.
  GgufTensors(std::size_t bytes, std::string name) : name_(std::move(name)), bytes_(bytes) {}

  /// Reserves memory for `count` tensors. The caller has checked that the file can hold them.
  void reserve(std::uint64_t count) { tensors_.reserve(static_cast<std::size_t>(count)); }
  /// Reads the description of the next tensor. Throws Error naming the file and the fault.
  void read_info(GgufCursor& cursor);
  /// Converts offsets within the tensor data to offsets within the file. The tensor data starts at the next
  /// multiple of `align` after the header. Throws Error if a tensor is not within the file or overlaps
  /// another.
  void locate(std::uint64_t header_end, std::uint64_t align);

  /// Whether the file has the tensor.
  [[nodiscard]] bool has(std::string_view name) const { return index_.contains(std::string(name)); }
  /// Names of all tensors in the file's order.
  [[nodiscard]] std::vector<std::string> names() const;
  /// A tensor's location and shape. Throws Error naming file and tensor when it is missing.
  [[nodiscard]] const TensorInfo& tensor(std::string_view name) const;

 private:
  void measure(TensorInfo& info) const;
  void check_overlap() const;

  std::string name_;
  std::size_t bytes_ = 0;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace zofo::checkpoint
