/// @file Values of a JSON file that know where they stand, for files that nobody vouches for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

namespace detail {

/// A value cut short for messages, ASCII alone.
inline std::string shown(const nlohmann::json& value) {
  if (value.is_structured() && value.size() > 8)
    return fmt::format("{} of {} entries", value.type_name(), value.size());
  const std::string text = value.dump(-1, ' ', true);
  return text.size() > 100 ? text.substr(0, 100) + "..." : text;
}

/// Refuses what the parser itself would let pass: deep nesting and keys given twice.
class StrictParse {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      require(depth < kDeepest, "nested deeper than {} levels", kDeepest);
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      require(keys_.back().insert(key).second, "key {} is there twice", shown(parsed));
    }
    return true;
  }

 private:
  static constexpr int kDeepest = 32;
  std::vector<std::unordered_set<std::string>> keys_;
};

}  // namespace detail

/// Calls read() and puts `place` before what an Error of it says.
template <class Read>
auto with_place(std::string_view place, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    fail("{}: {}", place, error.what());
  }
}

/// The bytes of a file. Throws Error when it cannot be read.
inline std::string read_file(const std::filesystem::path& path) {
  require(std::filesystem::is_regular_file(path), "{}: is no regular file", path.string());
  std::ifstream input(path, std::ios::binary);
  require(input.is_open(), "{}: cannot be opened", path.string());
  std::string bytes{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
  require(!input.bad(), "{}: reading failed", path.string());
  return bytes;
}

/// Parses JSON. Throws Error for what is no JSON in UTF-8, nested too deep or has a key twice.
inline nlohmann::json parse_json(std::string_view text) {
  try {
    // By reference: the parser copies the callback.
    detail::StrictParse strict;
    return nlohmann::json::parse(text, [&strict](int depth, auto event, nlohmann::json& parsed) {
      return strict(depth, event, parsed);
    });
  } catch (const nlohmann::json::parse_error& error) {
    fail("broken JSON at byte {}", error.byte);
  } catch (const nlohmann::json::exception& error) {
    fail("broken JSON: {}", error.what());
  }
}

/// A value and its path, e.g. `model.vocab`; the document must live as long.
class JsonPlace {
 public:
  explicit JsonPlace(const nlohmann::json& document) : value_(&document) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }

  /// Throws Error: path, value, and what it must be.
  [[noreturn]] void refuse(std::string_view wanted) const {
    fail("{} = {}: must be {}", path_.empty() ? "the file" : path_, detail::shown(*value_), wanted);
  }

  /// Whether an object has a value other than null under `key`.
  bool has(const std::string& key) const {
    const auto found = object().find(key);
    return found != value_->end() && !found->is_null();
  }

  /// The value under `key`. Throws Error when there is none.
  JsonPlace at(const std::string& key) const {
    const auto found = object().find(key);
    require(found != value_->end(), "{} is missing", joined(key));
    return {*found, joined(key)};
  }

  /// The elements of an array.
  std::vector<JsonPlace> elements() const {
    if (!value_->is_array()) refuse("an array");
    std::vector<JsonPlace> places;
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

  JsonPlace(const nlohmann::json& value, std::string path) : value_(&value), path_(std::move(path)) {}
  std::string joined(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace zofo::tokenize
