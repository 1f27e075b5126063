/// @file Writes safetensors files tensor by tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::checkpoint {

/// Stored type of all tensors of a file.
enum class SafetensorsType : std::uint8_t { F32, BF16 };

/// Name and shape of a tensor that will be written.
struct SafetensorsSpec {
  std::string name;                  ///< unique in the file
  std::vector<std::uint64_t> shape;  ///< row-major

  /// The product of the shape.
  [[nodiscard]] std::uint64_t elements() const {
    std::uint64_t product = 1;
    for (const std::uint64_t extent : shape) product *= extent;
    return product;
  }
};

/// Writes the header first, since all sizes are known, then each tensor as it arrives. The file appears at
/// its path with finish().
class SafetensorsWriter {
 public:
  /// `metadata` is the header's `__metadata__`, which loaders read ("format": "pt"). Throws Error naming the
  /// path when it cannot be written, or a tensor whose name appears twice.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsSpec> specs,
                    SafetensorsType type,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}});
  ~SafetensorsWriter();

  /// Writes the next tensor of the list. Throws Error unless `name` is its name and `values` has its number
  /// of elements.
  void tensor(std::string_view name, std::span<const float> values);

  /// Puts the file at its path. Throws Error if tensors are missing or the disk refuses.
  void finish();

 private:
  struct Output;  // keeps the file's headers out of this one
  std::unique_ptr<Output> output_;
  std::vector<SafetensorsSpec> specs_;
  SafetensorsType type_;
  std::size_t next_ = 0;
};

}  // namespace zofo::checkpoint
