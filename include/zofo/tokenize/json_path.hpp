/// @file Values of a JSON file that know where they stand, for files that nobody vouches for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::tokenize {

using parse::parse_json;
using parse::read_file;
using parse::with_path;

/// A value and its path, e.g. `model.vocab`; the document must live as long.
class JsonPath {
 public:
  explicit JsonPath(const nlohmann::json& document) : value_(&document) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }

  /// Throws Error: path, value, and what it must be.
  [[noreturn]] void refuse(std::string_view wanted) const {
    fail("{} = {}: must be {}", path_.empty() ? "the file" : path_, parse::shown(*value_), wanted);
  }

  /// Whether an object has a value other than null under `key`.
  bool has(const std::string& key) const {
    const auto found = object().find(key);
    return found != value_->end() && !found->is_null();
  }

  /// The value under `key`. Throws Error when there is none.
  JsonPath at(const std::string& key) const {
    const auto found = object().find(key);
    require(found != value_->end(), "{} is missing", joined(key));
    return {*found, joined(key)};
  }

  /// The elements of an array.
  std::vector<JsonPath> elements() const {
    if (!value_->is_array()) refuse("an array");
    std::vector<JsonPath> places;
    places.reserve(value_->size());
    for (std::size_t i = 0; i < value_->size(); ++i)
      places.push_back({(*value_)[i], fmt::format("{}[{}]", path_, i)});
    return places;
  }

  const nlohmann::json& object() const {
    if (!value_->is_object()) refuse("an object");
    return *value_;
  }

  const std::string& string() const {
    if (!value_->is_string()) refuse("a string");
    return value_->get_ref<const std::string&>();
  }

  std::int64_t integer() const {
    if (!value_->is_number_integer() ||
        (value_->is_number_unsigned() && value_->get<std::uint64_t>() > kMost))
      refuse("an integer");
    return value_->get<std::int64_t>();
  }

  bool boolean() const {
    if (!value_->is_boolean()) refuse("true or false");
    return value_->get<bool>();
  }

  /// The bool under `key`, or `otherwise` where there is none.
  bool boolean(const std::string& key, bool otherwise) const {
    return has(key) ? at(key).boolean() : otherwise;
  }

 private:
  static constexpr std::uint64_t kMost = 0x7FFFFFFFFFFFFFFF;

  JsonPath(const nlohmann::json& value, std::string path) : value_(&value), path_(std::move(path)) {}
  std::string joined(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace zofo::tokenize
