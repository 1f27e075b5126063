/// @file The tensors of a model's folder: one safetensors file, or shards with an index.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "zofo/checkpoint/safetensors.hpp"

namespace zofo::checkpoint {

/// All tensors of a model, from one or several files. Reads like SafetensorsFile.
class SafetensorsFolder {
 public:
  /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names. Throws Error naming
  /// the folder, the index and its entry, or the shard at fault.
  explicit SafetensorsFolder(const std::filesystem::path& folder);

  /// The folder's name, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Whether one of the files has the tensor, and the index names it.
  [[nodiscard]] bool has(std::string_view tensor) const;
  /// Names of all tensors, unordered.
  [[nodiscard]] std::vector<std::string> tensor_names() const;
  /// The file that stores a tensor. Throws Error naming folder and tensor when it is missing.
  [[nodiscard]] const SafetensorsFile& file_of(std::string_view tensor) const;
  /// A tensor's location and shape. Throws Error naming folder and tensor when it is missing.
  [[nodiscard]] const SafetensorsEntry& tensor(std::string_view name) const;
  /// Converts a tensor to floats, row-major. Throws Error like SafetensorsFile::read.
  void read(std::string_view name, std::span<float> out) const;
  /// Whether two tensors have the same shape, type and bytes. Throws Error naming a missing one.
  [[nodiscard]] bool same(std::string_view a, std::string_view b) const;

 private:
  void open_shards(const std::filesystem::path& folder, const std::filesystem::path& index);

  std::string name_;
  std::vector<SafetensorsFile> files_;
  std::unordered_map<std::string, std::size_t> file_index_;  ///< of each tensor, in files_
};

}  // namespace zofo::checkpoint
