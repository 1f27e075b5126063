/// @file The metadata of one architecture in a GGUF file, and which keys of it have been read.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm::detail {

/// The metadata of one architecture: `key` stands for `ARCHITECTURE.key`. Accessors throw Error naming file
/// and key.
class GgufKeys {
 public:
  /// The keys of `architecture` in a file, which must outlive the object.
  GgufKeys(const checkpoint::GgufFile& file, std::string architecture)
      : file_(file), architecture_(std::move(architecture)) {}

  /// The key's full name.
  [[nodiscard]] std::string full(std::string_view key) const {
    return architecture_ + "." + std::string(key);
  }
  /// Whether the file has the key.
  [[nodiscard]] bool has(std::string_view key) const { return file_.has(full(key)); }
  /// Whether an accessor has read the key.
  [[nodiscard]] bool used(std::string_view key) const { return used_.contains(std::string(key)); }
  ///@{
  /// An integer, or `otherwise` if the key is missing.
  [[nodiscard]] std::uint32_t integer(std::string_view key) const {
    used_.emplace(key);
    return exact(full(key));
  }
  [[nodiscard]] std::uint32_t integer_or(std::string_view key, std::uint32_t otherwise) const {
    return has(key) ? integer(key) : otherwise;
  }
  ///@}
  ///@{
  /// A number, or `otherwise` if the key is missing.
  [[nodiscard]] float number(std::string_view key) const {
    used_.emplace(key);
    return static_cast<float>(any_number(key));
  }
  [[nodiscard]] float number_or(std::string_view key, float otherwise) const {
    return has(key) ? number(key) : otherwise;
  }
  ///@}
  /// A number that counts as not read.
  [[nodiscard]] double any_number(std::string_view key) const { return file_.number(full(key)); }
  /// A string, or `otherwise` if the key is missing.
  [[nodiscard]] std::string string_or(std::string_view key, std::string otherwise) const {
    return has(key) ? file_.string(full(key)) : std::move(otherwise);
  }
  /// An integer of a full name.
  [[nodiscard]] std::uint32_t exact(const std::string& key) const {
    const std::uint64_t value = file_.unsigned_integer(key);
    require(value <= 0xFFFFFFFFU, "{}: {} = {}: too large", name(), key, value);
    return static_cast<std::uint32_t>(value);
  }
  ///@{
  /// The file, and its name for messages.
  [[nodiscard]] const checkpoint::GgufFile& file() const { return file_; }
  [[nodiscard]] std::string name() const { return file_.path().string(); }
  ///@}

 private:
  const checkpoint::GgufFile& file_;
  std::string architecture_;
  mutable std::set<std::string> used_;
};

}  // namespace zofo::llm::detail
