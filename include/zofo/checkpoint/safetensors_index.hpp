/// @file The tensors of a model's folder: one safetensors file, or shards with an index.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/checkpoint/safetensors.hpp"

namespace zofo::checkpoint {

/// A model's tensors, whichever file each lies in. Reads as SafetensorsFile does.
class SafetensorsFolder {
 public:
  /// Opens `model.safetensors`, or what `model.safetensors.index.json` names. Throws Error naming the folder,
  /// the index and its entry, or the shard at fault.
  explicit SafetensorsFolder(const std::filesystem::path& folder) : name_(folder.string()) {
    const std::filesystem::path single = folder / "model.safetensors";
    const std::filesystem::path index = folder / "model.safetensors.index.json";
    std::error_code ignored;  // what cannot be looked at is refused when it is opened
    if (std::filesystem::exists(single, ignored)) {
      files_.emplace_back(single);
      for (const SafetensorsEntry& entry : files_.front().tensors()) place_.emplace(entry.name, 0);
      return;
    }
    require(std::filesystem::exists(index, ignored), "{}: holds neither {} nor {}", name_,
            single.filename().string(), index.filename().string());
    open_shards(folder, index);
  }

  /// The folder's name, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool has(std::string_view tensor) const { return place_.contains(std::string(tensor)); }
  /// Names of all tensors, unordered.
  [[nodiscard]] std::vector<std::string> tensor_names() const {
    std::vector<std::string> names;
    for (const auto& [name, file] : place_) names.push_back(name);
    return names;
  }
  /// The file that a tensor lies in. Throws Error naming folder and tensor when it is missing.
  [[nodiscard]] const SafetensorsFile& file_of(std::string_view tensor) const {
    const auto found = place_.find(std::string(tensor));
    require(found != place_.end(), "{}: tensor '{}' is missing", name_, tensor);
    return files_[found->second];
  }
  [[nodiscard]] const SafetensorsEntry& tensor(std::string_view name) const {
    return file_of(name).tensor(name);
  }
  /// Writes a tensor as floats, row-major; errors as of SafetensorsFile::read.
  void read(std::string_view name, std::span<float> out) const { file_of(name).read(name, out); }

 private:
  void open_shards(const std::filesystem::path& folder, const std::filesystem::path& index) {
    const JsonFields document = JsonFields::load(index);
    const JsonFields map = document.fields("weight_map");
    std::map<std::string, std::size_t> opened;
    for (const auto& [tensor, value] : map.object().items()) {
      require(is_printable_utf8(tensor), "{}: a tensor's name must be printable UTF-8", map.place());
      const std::string shard = map.string(tensor);
      check_inside(shard, map, tensor);
      const auto [found, fresh] = opened.emplace(shard, files_.size());
      if (fresh) files_.emplace_back(folder / shard);
      require(files_[found->second].has(tensor), "{}: tensor '{}' is not in its shard {}", map.place(),
              tensor, files_[found->second].name());
      place_.emplace(tensor, found->second);
    }
    require(!files_.empty(), "{}: names no shard", map.place());
  }
  // A shard is a file of the folder itself: an index must not reach for others.
  static void check_inside(const std::string& shard, const JsonFields& map, const std::string& tensor) {
    const bool inside = shard.ends_with(".safetensors") && shard.find_first_of("/\\") == std::string::npos &&
                        is_printable_utf8(shard);
    if (!inside) map.refuse(tensor, "the name of a .safetensors file in the same folder");
  }

  std::string name_;
  std::vector<SafetensorsFile> files_;
  std::unordered_map<std::string, std::size_t> place_;
};

}  // namespace zofo::checkpoint
