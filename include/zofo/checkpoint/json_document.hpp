/// @file Reads fields of untrusted JSON documents; every error names the file and the field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace zofo::checkpoint {

/// Largest size of a document in bytes.
inline constexpr std::size_t max_json_bytes = std::size_t{1} << 24U;

/// The double whose shortest decimal form is that of `value`: 1e-05, not the double that `value` converts to.
double shortest(float value);

/// Calls parse::parse_json; `location` starts the message of its errors.
nlohmann::json parse_json(std::string_view text, std::string_view location);

/// The fields of a JSON object. Every accessor throws Error naming file, field, value and what is allowed. A
/// field that is null counts as missing, because Python's libraries write null for it. Copies share the
/// object, which never changes.
class JsonFields {
 public:
  /// `location` names the file, and the object's field if the object is not the whole file. Throws Error
  /// unless `object` is a JSON object.
  JsonFields(nlohmann::json object, std::string location);
  /// Parses a file that holds one object.
  static JsonFields load(const std::filesystem::path& path);

  /// The file, and the field of the object in it, for messages.
  [[nodiscard]] const std::string& location() const { return location_; }
  /// The whole object.
  [[nodiscard]] const nlohmann::json& object() const { return *object_; }
  /// Whether the object has the field, and it is not null.
  [[nodiscard]] bool has(std::string_view field) const;
  /// The field's value, unconverted.
  [[nodiscard]] const nlohmann::json& at(std::string_view field) const;

  /// An integer in [low, high].
  [[nodiscard]] std::uint32_t integer(std::string_view field, std::uint32_t low = 0,
                                      std::uint32_t high = std::numeric_limits<std::uint32_t>::max()) const;
  /// A number.
  [[nodiscard]] double number(std::string_view field) const;
  /// A boolean.
  [[nodiscard]] bool boolean(std::string_view field) const;
  /// A string.
  [[nodiscard]] std::string string(std::string_view field) const;
  /// The fields of an object inside this one.
  [[nodiscard]] JsonFields fields(std::string_view field) const;
  /// An integer, or `otherwise` if the field is missing.
  [[nodiscard]] std::uint32_t integer_or(std::string_view field, std::uint32_t otherwise) const;
  /// A number, or `otherwise` if the field is missing.
  [[nodiscard]] double number_or(std::string_view field, double otherwise) const;
  /// A boolean, or `otherwise` if the field is missing.
  [[nodiscard]] bool boolean_or(std::string_view field, bool otherwise) const;

  /// Throws Error with the value of the field, which must be `wanted`.
  [[noreturn]] void refuse(std::string_view field, std::string_view wanted) const;

 private:
  std::shared_ptr<const nlohmann::json> object_;
  std::string location_;
};

/// A number, or NaN if the field is missing or null: JSON has no NaN or infinity, and writes null for them.
double number_or_nan(const JsonFields& fields, std::string_view name);

}  // namespace zofo::checkpoint
