#include "zofo/tokenize/json_path.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>

#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::tokenize {

void JsonPath::refuse(std::string_view wanted) const {
  fail("{} = {}: must be {}", path_.empty() ? "the file" : path_, parse::shown(*value_), wanted);
}

bool JsonPath::has(const std::string& key) const {
  const auto found = object().find(key);
  return found != value_->end() && !found->is_null();
}

JsonPath JsonPath::at(const std::string& key) const {
  const auto found = object().find(key);
  require(found != value_->end(), "{} is missing", joined(key));
  return {*found, joined(key)};
}

std::vector<JsonPath> JsonPath::elements() const {
  if (!value_->is_array()) refuse("an array");
  std::vector<JsonPath> places;
  places.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i)
    places.push_back({(*value_)[i], fmt::format("{}[{}]", path_, i)});
  return places;
}

const nlohmann::json& JsonPath::object() const {
  if (!value_->is_object()) refuse("an object");
  return *value_;
}

const std::string& JsonPath::string() const {
  if (!value_->is_string()) refuse("a string");
  return value_->get_ref<const std::string&>();
}

std::int64_t JsonPath::integer() const {
  constexpr std::uint64_t largest = 0x7FFFFFFFFFFFFFFF;
  if (!value_->is_number_integer() ||
      (value_->is_number_unsigned() && value_->get<std::uint64_t>() > largest))
    refuse("an integer");
  return value_->get<std::int64_t>();
}

bool JsonPath::boolean() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

bool JsonPath::boolean(const std::string& key, bool otherwise) const {
  return has(key) ? at(key).boolean() : otherwise;
}

std::string JsonPath::joined(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

}  // namespace zofo::tokenize
