#include "gguf_tensors.hpp"

#include <algorithm>

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

void GgufTensors::read_info(GgufCursor& cursor) {
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

void GgufTensors::measure(TensorInfo& info) const {
  const GgmlFormat& format = readable_format(info.type, fmt::format("{}: tensor '{}'", name_, info.name));
  // A value takes at least a quarter of a byte, so a tensor has at most four times as many values as the file
  // has bytes.
  const std::uint64_t most = 4 * static_cast<std::uint64_t>(bytes_);
  info.elements = 1;
  for (const std::uint64_t extent : info.shape) {
    require(extent >= 1 && extent <= most / info.elements,
            "{}: tensor '{}': dimension {}: must be at least 1, and the shape fit a file of {} bytes", name_,
            info.name, extent, bytes_);
    info.elements *= extent;
  }
  require(info.shape[0] % format.values == 0,
          "{}: tensor '{}': row of {} values: must be a multiple of {} ({})", name_, info.name, info.shape[0],
          format.values, format.name);
  info.bytes = info.elements / format.values * format.bytes;
}

void GgufTensors::locate(std::uint64_t header_end, std::uint64_t align) {
  const std::uint64_t begin = (header_end + align - 1) / align * align;
  const std::uint64_t available = bytes_ - std::min<std::uint64_t>(begin, bytes_);
  for (TensorInfo& info : tensors_) {
    require(info.offset % align == 0, "{}: tensor '{}': offset {}: must be a multiple of {}", name_,
            info.name, info.offset, align);
    require(info.offset <= available && info.bytes <= available - info.offset,
            "{}: tensor '{}': {} bytes at offset {} of {} bytes of tensor data (a truncated file?)", name_,
            info.name, info.bytes, info.offset, available);
    info.offset += begin;
  }
  check_overlap();
}

void GgufTensors::check_overlap() const {
  std::vector<const TensorInfo*> order;
  for (const TensorInfo& info : tensors_) order.push_back(&info);
  std::ranges::sort(order, {}, &TensorInfo::offset);
  for (std::size_t i = 1; i < order.size(); ++i)
    require(order[i - 1]->offset + order[i - 1]->bytes <= order[i]->offset,
            "{}: tensor '{}' overlaps tensor '{}'", name_, order[i - 1]->name, order[i]->name);
}

std::vector<std::string> GgufTensors::names() const {
  std::vector<std::string> result;
  for (const TensorInfo& info : tensors_) result.push_back(info.name);
  return result;
}

const TensorInfo& GgufTensors::tensor(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  require(found != index_.end(), "{}: tensor '{}' is missing", name_, name);
  return tensors_[found->second];
}

}  // namespace zofo::checkpoint
