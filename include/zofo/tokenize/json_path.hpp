/// @file Values of an untrusted JSON file together with their paths, for error messages.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zofo::tokenize {

/// A value and its path, e.g. `model.vocab`. Refers to the document, which must outlive it. Every accessor
/// throws Error with path and value when the value is not what the accessor's name requires.
class JsonPath {
 public:
  /// The whole document, with an empty path.
  explicit JsonPath(const nlohmann::json& document) : value_(&document) {}

  /// The value.
  const nlohmann::json& value() const { return *value_; }
  /// Names separated by dots, indices in brackets.
  const std::string& path() const { return path_; }

  /// Throws Error "path = value: must be wanted".
  [[noreturn]] void refuse(std::string_view wanted) const;

  /// Whether an object has a value other than null under `key`.
  bool has(const std::string& key) const;

  /// The value under `key` of an object. Throws Error when the key is missing.
  JsonPath at(const std::string& key) const;

  /// The elements of an array.
  std::vector<JsonPath> elements() const;

  /// The value as an object.
  const nlohmann::json& object() const;

  /// The value as a string.
  const std::string& string() const;

  /// The value as an integer.
  std::int64_t integer() const;

  /// The value as a bool.
  bool boolean() const;

  /// The bool under `key` of an object, or `otherwise` where the key is missing or null.
  bool boolean(const std::string& key, bool otherwise) const;

 private:
  JsonPath(const nlohmann::json& value, std::string path) : value_(&value), path_(std::move(path)) {}
  [[nodiscard]] std::string joined(const std::string& key) const;

  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace zofo::tokenize
