/// @file JSON from untrusted sources: bounded in size and depth, no name twice, every field read with its file named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::checkpoint {

/// Bytes that a document may have.
inline constexpr std::size_t longest_json = std::size_t{1} << 24U;

/// A float in a document by its shortest decimals: 1e-05, not the double beside it.
inline double shortest(float value) { return std::stod(fmt::format("{}", value)); }

/// parse::parse_json with errors headed by `place`.
inline nlohmann::json parse_json(std::string_view text, std::string_view place) {
  return parse::with_path(place, [&] { return parse::parse_json(text); });
}

/// The fields of an object in a file; every accessor throws Error naming file, field, value and what it must
/// be. A field that is null counts as left out, as Python's libraries write it.
class JsonFields {
 public:
  /// `place` names the file, and the object's field where it is not the whole file.
  JsonFields(nlohmann::json object, std::string place)
      : object_(std::move(object)), place_(std::move(place)) {
    require(object_.is_object(), "{}: must be a JSON object", place_);
  }
  /// Parses a file that holds one object.
  static JsonFields load(const std::filesystem::path& path) {
    const std::string text = parse::read_file(path, longest_json);
    return {parse_json(text, path.string()), path.string()};
  }

  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] const nlohmann::json& object() const { return object_; }
  [[nodiscard]] bool has(std::string_view field) const {
    const auto found = object_.find(field);
    return found != object_.end() && !found->is_null();
  }
  /// The field as it stands.
  [[nodiscard]] const nlohmann::json& at(std::string_view field) const {
    require(has(field), "{}: field '{}' is missing", place_, field);
    return *object_.find(field);
  }

  /// An integer in [low, high].
  [[nodiscard]] std::uint32_t integer(std::string_view field, std::uint32_t low = 0,
                                      std::uint32_t high = std::numeric_limits<std::uint32_t>::max()) const {
    const nlohmann::json& value = at(field);
    const bool whole =
        value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    if (!whole || value.get<std::uint64_t>() < low || value.get<std::uint64_t>() > high)
      refuse(field, fmt::format("an integer in [{}, {}]", low, high));
    return value.get<std::uint32_t>();
  }
  [[nodiscard]] double number(std::string_view field) const {
    if (!at(field).is_number()) refuse(field, "a number");
    return at(field).get<double>();
  }
  [[nodiscard]] bool boolean(std::string_view field) const {
    if (!at(field).is_boolean()) refuse(field, "true or false");
    return at(field).get<bool>();
  }
  [[nodiscard]] std::string string(std::string_view field) const {
    if (!at(field).is_string()) refuse(field, "a string");
    return at(field).get<std::string>();
  }
  [[nodiscard]] JsonFields fields(std::string_view field) const {
    return {at(field), fmt::format("{}: {}", place_, field)};
  }
  /// The field, or `otherwise` where it is left out.
  [[nodiscard]] std::uint32_t integer_or(std::string_view field, std::uint32_t otherwise) const {
    return has(field) ? integer(field) : otherwise;
  }
  [[nodiscard]] double number_or(std::string_view field, double otherwise) const {
    return has(field) ? number(field) : otherwise;
  }
  [[nodiscard]] bool boolean_or(std::string_view field, bool otherwise) const {
    return has(field) ? boolean(field) : otherwise;
  }

  /// Throws Error that the field, as it stands, must be `wanted`.
  [[noreturn]] void refuse(std::string_view field, std::string_view wanted) const {
    fail("{}: {} = {}: must be {}", place_, field, parse::shown(at(field)), wanted);
  }

 private:
  nlohmann::json object_;
  std::string place_;
};

}  // namespace zofo::checkpoint
