#include "zofo/checkpoint/safetensors_index.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

// A shard is a file in the folder itself: an index must not name other files.
void check_inside(const std::string& shard, const JsonFields& map, const std::string& tensor) {
  const bool inside = shard.ends_with(".safetensors") && shard.find_first_of("/\\") == std::string::npos &&
                      is_printable_utf8(shard);
  if (!inside) map.refuse(tensor, "the name of a .safetensors file in the same folder");
}

// Weights of PyTorch are a pickle, a program that builds objects: reading one can run any code.
void refuse_pickle(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    require(!std::filesystem::exists(folder / name, ignored),
            "{}: weights as a pickle are not read, since reading a pickle can run code: convert them to "
            "safetensors, once, by python -c \"from transformers import AutoModelForCausalLM as M; "
            "M.from_pretrained('{}').save_pretrained('NEW_FOLDER')\" and copy the tokenizer's files",
            (folder / name).string(), folder.string());
}

}  // namespace

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder) : name_(folder.string()) {
  const std::filesystem::path single = folder / "model.safetensors";
  const std::filesystem::path index = folder / "model.safetensors.index.json";
  std::error_code ignored;  // opening the file reports why it is inaccessible
  if (std::filesystem::exists(single, ignored)) {
    files_.emplace_back(single);
    for (const SafetensorsEntry& entry : files_.front().tensors()) file_index_.emplace(entry.name, 0);
    return;
  }
  if (!std::filesystem::exists(index, ignored)) refuse_pickle(folder);
  require(std::filesystem::exists(index, ignored), "{}: holds neither {} nor {}", name_,
          single.filename().string(), index.filename().string());
  open_shards(folder, index);
}

bool SafetensorsFolder::has(std::string_view tensor) const {
  return file_index_.contains(std::string(tensor));
}

std::vector<std::string> SafetensorsFolder::tensor_names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : file_index_) names.push_back(name);
  return names;
}

const SafetensorsFile& SafetensorsFolder::file_of(std::string_view tensor) const {
  const auto found = file_index_.find(std::string(tensor));
  require(found != file_index_.end(), "{}: tensor '{}' is missing", name_, tensor);
  return files_[found->second];
}

const SafetensorsEntry& SafetensorsFolder::tensor(std::string_view name) const {
  return file_of(name).tensor(name);
}

void SafetensorsFolder::read(std::string_view name, std::span<float> out) const {
  file_of(name).read(name, out);
}

void SafetensorsFolder::open_shards(const std::filesystem::path& folder, const std::filesystem::path& index) {
  const JsonFields document = JsonFields::load(index);
  const JsonFields map = document.fields("weight_map");
  std::map<std::string, std::size_t> opened;
  for (const auto& [tensor, value] : map.object().items()) {
    require(is_printable_utf8(tensor), "{}: a tensor's name must be printable UTF-8", map.location());
    const std::string shard = map.string(tensor);
    check_inside(shard, map, tensor);
    const auto [found, fresh] = opened.emplace(shard, files_.size());
    if (fresh) files_.emplace_back(folder / shard);
    require(files_[found->second].has(tensor), "{}: tensor '{}' is not in its shard {}", map.location(),
            tensor, files_[found->second].name());
    file_index_.emplace(tensor, found->second);
  }
  require(!files_.empty(), "{}: names no shard", map.location());
}

bool SafetensorsFolder::same(std::string_view a, std::string_view b) const {
  const SafetensorsEntry &first = tensor(a), &second = tensor(b);
  if (first.dtype != second.dtype || first.shape != second.shape) return false;
  return std::ranges::equal(file_of(a).bytes(first), file_of(b).bytes(second));
}

}  // namespace zofo::checkpoint
