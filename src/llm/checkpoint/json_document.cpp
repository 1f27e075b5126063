#include "zofo/checkpoint/json_document.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::checkpoint {

double shortest(float value) { return std::stod(fmt::format("{}", value)); }

nlohmann::json parse_json(std::string_view text, std::string_view location) {
  return parse::with_path(location, [&] { return parse::parse_json(text); });
}

JsonFields::JsonFields(nlohmann::json object, std::string location)
    : object_(std::make_shared<const nlohmann::json>(std::move(object))), location_(std::move(location)) {
  require(object_->is_object(), "{}: must be a JSON object", location_);
}

JsonFields JsonFields::load(const std::filesystem::path& path) {
  const std::string text = parse::read_file(path, max_json_bytes);
  return {parse_json(text, path.string()), path.string()};
}

bool JsonFields::has(std::string_view field) const {
  const auto found = object_->find(field);
  return found != object_->end() && !found->is_null();
}

const nlohmann::json& JsonFields::at(std::string_view field) const {
  require(has(field), "{}: field '{}' is missing", location_, field);
  return *object_->find(field);
}

std::uint32_t JsonFields::integer(std::string_view field, std::uint32_t low, std::uint32_t high) const {
  const nlohmann::json& value = at(field);
  const bool whole =
      value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
  if (!whole || value.get<std::uint64_t>() < low || value.get<std::uint64_t>() > high)
    refuse(field, fmt::format("an integer in [{}, {}]", low, high));
  return value.get<std::uint32_t>();
}

double JsonFields::number(std::string_view field) const {
  if (!at(field).is_number()) refuse(field, "a number");
  return at(field).get<double>();
}

bool JsonFields::boolean(std::string_view field) const {
  if (!at(field).is_boolean()) refuse(field, "true or false");
  return at(field).get<bool>();
}

std::string JsonFields::string(std::string_view field) const {
  if (!at(field).is_string()) refuse(field, "a string");
  return at(field).get<std::string>();
}

JsonFields JsonFields::fields(std::string_view field) const {
  return {at(field), fmt::format("{}: {}", location_, field)};
}

std::uint32_t JsonFields::integer_or(std::string_view field, std::uint32_t otherwise) const {
  return has(field) ? integer(field) : otherwise;
}

double JsonFields::number_or(std::string_view field, double otherwise) const {
  return has(field) ? number(field) : otherwise;
}

bool JsonFields::boolean_or(std::string_view field, bool otherwise) const {
  return has(field) ? boolean(field) : otherwise;
}

void JsonFields::refuse(std::string_view field, std::string_view wanted) const {
  fail("{}: {} = {}: must be {}", location_, field, parse::shown(at(field)), wanted);
}

double number_or_nan(const JsonFields& fields, std::string_view name) {
  return fields.has(name) ? fields.number(name) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace zofo::checkpoint
