// The fields of a request, read one by one: what nobody has read is unknown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace zofo::serve {

class Fields {
 public:
  // Throws ApiError unless the body is a JSON object.
  explicit Fields(std::string_view body);

  // The value of a field; null if it is missing or null.
  const nlohmann::ordered_json* find(std::string_view name);

  // Each returns `missing` if there is no such field, and throws ApiError if it has another type or is out of
  // range.
  double number(std::string_view name, double missing, double low, double high);
  std::size_t count(std::string_view name, std::size_t missing, std::size_t low, std::size_t high);
  bool boolean(std::string_view name, bool missing);
  std::string text(std::string_view name);

  // Throws ApiError if the field has a value that is none of `same`, which change nothing.
  void not_supported(std::string_view name, std::initializer_list<nlohmann::ordered_json> same);
  // Fields that cannot change an answer.
  void ignore(std::initializer_list<std::string_view> names);
  // Throws ApiError naming a field that nobody has asked for.
  void refuse_unknown() const;

 private:
  nlohmann::ordered_json object_;
  std::vector<std::string> known_;
};

// The value for a message.
std::string shown_value(const nlohmann::ordered_json& value);

}  // namespace zofo::serve
