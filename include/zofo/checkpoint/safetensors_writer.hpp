/// @file Writes safetensors files tensor by tensor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zofo/checkpoint/widen.hpp"
#include "zofo/core/atomic_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// What a tensor is stored as.
enum class SafetensorsType : std::uint8_t { F32, BF16 };

/// A tensor to come: its name and shape, row-major.
struct SafetensorsSpec {
  std::string name;
  std::vector<std::uint64_t> shape;

  [[nodiscard]] std::uint64_t elements() const {
    std::uint64_t product = 1;
    for (const std::uint64_t extent : shape) product *= extent;
    return product;
  }
};

/// Writes the header first, since all sizes are known, then each tensor as it comes; the file appears with
/// finish().
class SafetensorsWriter {
 public:
  /// Throws Error naming the path when it cannot be written, or a name that appears twice. `metadata` is what
  /// loaders look at ("format": "pt").
  SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsSpec> specs,
                    SafetensorsType type,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}})
      : file_(path), specs_(std::move(specs)), type_(type) {
    const std::string header = make_header(metadata);
    const auto length = static_cast<std::uint64_t>(header.size());
    file_.write(std::as_bytes(std::span(&length, 1)));
    file_.write(header);
  }

  /// Writes the next tensor of the list. Throws Error unless `values` has its elements.
  void tensor(std::string_view name, std::span<const float> values) {
    require(next_ < specs_.size() && specs_[next_].name == name && specs_[next_].elements() == values.size(),
            "{}: tensor '{}' of {} values is not the next to be written", file_.path().string(), name,
            values.size());
    ++next_;
    if (type_ == SafetensorsType::F32) return file_.write(std::as_bytes(values));
    constexpr std::size_t most = 1U << 16U;  // at a time, so that no second copy of a tensor is held
    std::vector<std::byte> narrow(2 * std::min(values.size(), most));
    while (!values.empty()) {
      const auto part = values.first(std::min(values.size(), most));
      const auto bytes = std::span(narrow).first(2 * part.size());
      narrow_bfloat16(part, bytes);
      file_.write(bytes);
      values = values.subspan(part.size());
    }
  }

  /// Puts the file in its place. Throws Error if tensors are missing or the disk refuses.
  void finish() {
    require(next_ == specs_.size(), "{}: {} of {} tensors were written", file_.path().string(), next_,
            specs_.size());
    file_.commit();
  }

 private:
  [[nodiscard]] std::string make_header(const std::map<std::string, std::string>& metadata) const {
    const bool wide = type_ == SafetensorsType::F32;
    nlohmann::json header;
    header["__metadata__"] = metadata;
    std::uint64_t offset = 0;
    for (const SafetensorsSpec& spec : specs_) {
      require(!header.contains(spec.name), "{}: tensor '{}' appears twice", file_.path().string(), spec.name);
      const std::uint64_t end = offset + spec.elements() * (wide ? 4 : 2);
      header[spec.name] = {{"dtype", wide ? "F32" : "BF16"}, {"shape", spec.shape}};
      header[spec.name]["data_offsets"] = {offset, end};
      offset = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // tensors begin aligned
    return text;
  }

  AtomicFile file_;
  std::vector<SafetensorsSpec> specs_;
  SafetensorsType type_;
  std::size_t next_ = 0;
};

}  // namespace zofo::checkpoint
