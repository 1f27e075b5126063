#include "llm/serve/fields.hpp"

#include <algorithm>
#include <cmath>

#include "zofo/parse/json.hpp"
#include "zofo/parse/nearest_name.hpp"
#include "zofo/serve/api_error.hpp"

namespace zofo::serve {

std::string shown_value(const nlohmann::ordered_json& value) { return parse::shown(nlohmann::json(value)); }

Fields::Fields(std::string_view body) {
  try {
    object_ = parse::parse_ordered_json(body);
  } catch (const Error& error) {
    throw ApiError(400, "", "", fmt::format("request: {}", error.what()));
  }
  if (!object_.is_object()) refuse("", "request: is {}: must be a JSON object", object_.type_name());
}

const nlohmann::ordered_json* Fields::find(std::string_view name) {
  known_.emplace_back(name);
  const auto found = object_.find(known_.back());
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

double Fields::number(std::string_view name, double missing, double low, double high) {
  const nlohmann::ordered_json* value = find(name);
  if (value == nullptr) return missing;
  if (!value->is_number()) refuse(name, "{} = {}: must be a number", name, shown_value(*value));
  const double number = value->get<double>();
  if (!std::isfinite(number) || number < low || number > high)
    refuse(name, "{} = {}: must be in [{}, {}]", name, shown_value(*value), low, high);
  return number;
}

std::size_t Fields::count(std::string_view name, std::size_t missing, std::size_t low, std::size_t high) {
  const nlohmann::ordered_json* value = find(name);
  if (value == nullptr) return missing;
  const bool fits = value->is_number_unsigned() && value->get<std::uint64_t>() >= low &&
                    value->get<std::uint64_t>() <= high;
  if (!fits) refuse(name, "{} = {}: must be an integer in [{}, {}]", name, shown_value(*value), low, high);
  return value->get<std::size_t>();
}

bool Fields::boolean(std::string_view name, bool missing) {
  const nlohmann::ordered_json* value = find(name);
  if (value == nullptr) return missing;
  if (!value->is_boolean()) refuse(name, "{} = {}: must be true or false", name, shown_value(*value));
  return value->get<bool>();
}

std::string Fields::text(std::string_view name) {
  const nlohmann::ordered_json* value = find(name);
  if (value == nullptr) return "";
  if (!value->is_string()) refuse(name, "{} = {}: must be a string", name, shown_value(*value));
  return value->get<std::string>();
}

void Fields::not_supported(std::string_view name, std::initializer_list<nlohmann::ordered_json> same) {
  const nlohmann::ordered_json* value = find(name);
  if (value == nullptr || std::find(same.begin(), same.end(), *value) != same.end()) return;
  refuse(name, "{} = {}: zofo serve does not support this option", name, shown_value(*value));
}

void Fields::ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) known_.emplace_back(name);
}

void Fields::refuse_unknown() const {
  for (const auto& [name, value] : object_.items()) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    const std::string shown = shown_value(name);
    throw ApiError(400, name, "unknown_field",
                   fmt::format("{}: no such field{}", shown, parse::did_you_mean(name, known_)));
  }
}

}  // namespace zofo::serve
