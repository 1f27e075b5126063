#include "gguf_metadata.hpp"

#include "gguf_values.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

void GgufMetadata::wrong_type(std::string_view key, std::string_view wanted) const {
  fail("{}: key '{}': must be {}", name_, key, wanted);
}

void GgufMetadata::read_value(GgufCursor& cursor) {
  const std::string key = cursor.name("key");
  auto type = static_cast<GgufValue>(cursor.read<std::uint32_t>(key));
  const bool array = type == GgufValue::Array;
  std::uint64_t count = 1;
  if (array) {
    type = static_cast<GgufValue>(cursor.read<std::uint32_t>(key));
    count = cursor.read<std::uint64_t>(key);
  }
  const bool string = type == GgufValue::String;
  const std::uint64_t size = string ? sizeof(std::uint64_t) : value_size(type);
  require(size > 0, "{}: key '{}': {}type {}: must be 0 to 12, and in arrays not 9", name_, key,
          array ? "element " : "", static_cast<std::uint32_t>(type));
  const auto [position, fresh] = values_.emplace(key, Value{type, array, count, cursor.position()});
  require(fresh, "{}: key '{}' appears twice", name_, key);
  if (!string) return cursor.skip(count, size, key);
  cursor.check_count(count, size, key);
  for (std::uint64_t i = 0; i < count; ++i) cursor.text(key);
}

const GgufMetadata::Value& GgufMetadata::value(std::string_view key, bool array,
                                               std::string_view wanted) const {
  const auto found = values_.find(key);
  require(found != values_.end(), "{}: key '{}' is missing: must be {}", name_, key, wanted);
  if (found->second.array != array) wrong_type(key, wanted);
  return found->second;
}

template <std::integral T>
T GgufMetadata::read_integer(GgufCursor& cursor, GgufValue type, std::string_view key,
                             std::string_view wanted) const {
  T result{};
  const bool integer = visit_integer(cursor, type, [&](auto number) {
    require(std::in_range<T>(number), "{}: key '{}' = {}: must be {}", name_, key, number, wanted);
    result = static_cast<T>(number);
  });
  if (!integer) wrong_type(key, wanted);
  return result;
}

std::vector<std::string> GgufMetadata::keys() const {
  std::vector<std::string> result;
  for (const auto& [key, value] : values_) result.push_back(key);
  return result;
}

std::string GgufMetadata::string(std::string_view key) const {
  const Value& found = value(key, false, "a string");
  if (found.type != GgufValue::String) wrong_type(key, "a string");
  GgufCursor cursor = at(found);
  return std::string(cursor.text(key));
}

std::uint64_t GgufMetadata::unsigned_integer(std::string_view key) const {
  constexpr std::string_view wanted = "an integer >= 0";
  const Value& found = value(key, false, wanted);
  GgufCursor cursor = at(found);
  return read_integer<std::uint64_t>(cursor, found.type, key, wanted);
}

double GgufMetadata::number(std::string_view key) const {
  const Value& found = value(key, false, "a number");
  GgufCursor cursor = at(found);
  if (found.type == GgufValue::F32) return static_cast<double>(cursor.read<float>(key));
  if (found.type == GgufValue::F64) return cursor.read<double>(key);
  double result = 0;
  const bool integer =
      visit_integer(cursor, found.type, [&](auto number) { result = static_cast<double>(number); });
  if (!integer) wrong_type(key, "a number");
  return result;
}

bool GgufMetadata::boolean(std::string_view key) const {
  const Value& found = value(key, false, "a bool");
  if (found.type != GgufValue::Bool) wrong_type(key, "a bool");
  GgufCursor cursor = at(found);
  const auto byte = cursor.read<std::uint8_t>(key);
  require(byte <= 1, "{}: key '{}' = {}: must be 0 or 1", name_, key, byte);
  return byte == 1;
}

std::vector<std::string> GgufMetadata::strings(std::string_view key) const {
  const Value& found = value(key, true, "an array of strings");
  if (found.type != GgufValue::String) wrong_type(key, "an array of strings");
  GgufCursor cursor = at(found);
  std::vector<std::string> result;
  result.reserve(static_cast<std::size_t>(found.count));
  for (std::uint64_t i = 0; i < found.count; ++i) result.emplace_back(cursor.text(key));
  return result;
}

std::vector<float> GgufMetadata::floats(std::string_view key) const {
  const Value& found = value(key, true, "an array of floats");
  const bool wide = found.type == GgufValue::F64;
  if (!wide && found.type != GgufValue::F32) wrong_type(key, "an array of floats");
  GgufCursor cursor = at(found);
  std::vector<float> result(static_cast<std::size_t>(found.count));
  for (float& item : result)
    item = wide ? static_cast<float>(cursor.read<double>(key)) : cursor.read<float>(key);
  return result;
}

std::vector<std::int64_t> GgufMetadata::integers(std::string_view key) const {
  constexpr std::string_view wanted = "an array of integers below 2^63";
  const Value& found = value(key, true, wanted);
  if (!is_integer(found.type)) wrong_type(key, wanted);  // an empty array has a type too
  GgufCursor cursor = at(found);
  std::vector<std::int64_t> result(static_cast<std::size_t>(found.count));
  for (std::int64_t& item : result) item = read_integer<std::int64_t>(cursor, found.type, key, wanted);
  return result;
}

GgufRaw GgufMetadata::raw(std::string_view key) const {
  const auto found = values_.find(key);
  require(found != values_.end(), "{}: key '{}' is missing", name_, key);
  const Value& it = found->second;
  GgufCursor cursor = at(it);
  if (it.type == GgufValue::String)
    for (std::uint64_t i = 0; i < it.count; ++i) cursor.text(key);
  else
    cursor.skip(it.count, value_size(it.type), key);
  return {it.type, it.array, it.count, bytes_.subspan(it.position, cursor.position() - it.position)};
}

}  // namespace zofo::checkpoint
