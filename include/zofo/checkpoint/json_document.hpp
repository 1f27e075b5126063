/// @file JSON from strangers: bounded in size and depth, no name twice, every field read with its file named.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/checkpoint/mapped_file.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// What a document may be at most.
struct JsonLimits {
  std::size_t bytes = std::size_t{1} << 24U;
  int depth = 64;  ///< objects and arrays inside one another
};

/// Parses UTF-8 text. Throws Error headed by `place` on a syntax error (with its byte), a name that appears
/// twice in an object, or a document beyond the limits.
inline nlohmann::json parse_json(std::string_view text, std::string_view place,
                                 const JsonLimits& limits = {}) {
  require(text.size() <= limits.bytes, "{}: {} bytes: JSON must have at most {}", place, text.size(),
          limits.bytes);
  std::vector<std::set<std::string, std::less<>>> names;  // of the objects that are open
  using Event = nlohmann::json::parse_event_t;
  const auto watch = [&](int depth, Event event, nlohmann::json& parsed) {
    if (event == Event::object_start || event == Event::array_start)
      require(depth < limits.depth, "{}: nested deeper than {}", place, limits.depth);
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key)
      require(names.back().insert(parsed.get<std::string>()).second, "{}: '{}' appears twice", place,
              parsed.get_ref<const std::string&>());
    return true;
  };
  try {
    return nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not JSON: {}", place, error.what());
  }
}

/// A float in a document by its shortest decimals: 1e-05, not the double beside it.
inline double shortest(float value) { return std::stod(fmt::format("{}", value)); }

/// A file's bytes as text, as long as the mapping lives.
inline std::string_view as_text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
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
    const MappedFile file(path);
    return {parse_json(as_text(file), path.string()), path.string()};
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
    fail("{}: {} = {}: must be {}", place_, field, shown(field), wanted);
  }

 private:
  // Values may be long, and strings may hold bytes that a terminal obeys: dump escapes them.
  [[nodiscard]] std::string shown(std::string_view field) const {
    constexpr std::size_t longest = 80;
    std::string text = at(field).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (text.size() > longest) text = text.substr(0, longest) + "...";
    return text;
  }

  nlohmann::json object_;
  std::string place_;
};

}  // namespace zofo::checkpoint
