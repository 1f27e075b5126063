/// @file What a run must remember to continue as if it had never stopped: numbers and vectors under a checksum.
#pragma once

#include <Eigen/Core>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "zofo/checkpoint/json_document.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/hash.hpp"
#include "zofo/parse/file.hpp"

namespace zofo::checkpoint {

/// A number that JSON writes as null where it is none (NaN and the infinities).
inline double number_or_nan(const JsonFields& fields, std::string_view name) {
  return fields.has(name) ? fields.number(name) : std::numeric_limits<double>::quiet_NaN();
}

/// Named numbers and vectors; which there are is the writer's business.
struct RunState {
  nlohmann::json numbers = nlohmann::json::object();
  std::map<std::string, Eigen::VectorXf> vectors;

  /// A number of the state. Throws Error naming it where it is absent or of another kind.
  template <class T>
  [[nodiscard]] T number(const char* name) const {
    try {
      const nlohmann::json& value = numbers.at(name);
      if constexpr (std::integral<T> && !std::same_as<T, bool>) {  // get<T> would cut it off
        const bool fits = value.is_number_unsigned()  ? std::in_range<T>(value.get<std::uint64_t>())
                          : value.is_number_integer() ? std::in_range<T>(value.get<std::int64_t>())
                                                      : false;
        require(fits, "saved state: {} = {}: must be a whole number of {} bits", name, value.dump(),
                8 * sizeof(T));
      }
      return value.get<T>();
    } catch (const nlohmann::json::exception& error) {
      fail("saved state: {}: {}", name, error.what());
    }
  }
  /// The fields of an object among the numbers. Throws Error naming it where it is absent or no object.
  [[nodiscard]] JsonFields fields(const char* name) const {
    return {number<nlohmann::json>(name), fmt::format("saved state: {}", name)};
  }
  /// A vector of the state; null where there is none.
  [[nodiscard]] const Eigen::VectorXf* vector(const std::string& name) const {
    const auto found = vectors.find(name);
    return found == vectors.end() ? nullptr : &found->second;
  }
};

inline constexpr std::string_view state_magic = "ZOFOSTA1";

/// Bytes of a state: the magic, the header's length, the header (JSON), the vectors as fp32, and XXH64 of all
/// that.
inline std::string to_bytes(const RunState& state) {
  nlohmann::json sizes = nlohmann::json::array();
  for (const auto& [name, x] : state.vectors) sizes.push_back({name, x.size()});
  const std::string header = nlohmann::json{{"numbers", state.numbers}, {"vectors", sizes}}.dump();
  std::string bytes(state_magic);
  const auto append = [&bytes](const void* data, std::size_t size) {
    bytes.append(static_cast<const char*>(data), size);
  };
  const auto length = static_cast<std::uint64_t>(header.size());
  append(&length, sizeof length);
  bytes += header;
  for (const auto& [name, x] : state.vectors)
    append(x.data(), static_cast<std::size_t>(x.size()) * sizeof(float));
  const std::uint64_t sum = Hash64().update(bytes).value();
  append(&sum, sizeof sum);
  return bytes;
}

namespace detail {

inline std::uint64_t number_at(std::string_view bytes, std::size_t place) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

}  // namespace detail

/// Reads a state; throws Error naming the file unless every byte is as it was written.
inline RunState read_run_state(const std::filesystem::path& path) {
  const std::string all = parse::read_file(path);
  const std::string name = path.string();
  require(all.starts_with(state_magic), "{}: not a saved state", name);
  require(all.size() >= 24, "{}: {} bytes: a saved state is longer", name, all.size());
  const std::string_view bytes = std::string_view(all).substr(0, all.size() - 8);
  require(Hash64().update(bytes).value() == detail::number_at(all, bytes.size()),
          "{}: its checksum does not fit its {} bytes: the file is damaged", name, all.size());
  const std::uint64_t length = detail::number_at(bytes, 8);
  require(length <= bytes.size() - 16, "{}: header length {} goes past the end of the file", name, length);
  RunState state;
  try {
    nlohmann::json header = parse_json(bytes.substr(16, length), name + ": header");
    state.numbers = std::move(header.at("numbers"));
    std::string_view rest = bytes.substr(16 + length);
    require(state.numbers.is_object(), "{}: header: numbers: must be a JSON object", name);
    for (const nlohmann::json& entry : header.at("vectors")) {
      const auto called = entry.at(0).get<std::string>();
      require(entry.at(1).is_number_unsigned(), "{}: vector '{}': count = {}: must be an integer", name,
              called, entry.at(1).dump());
      const auto count = entry.at(1).get<std::uint64_t>();
      require(count <= rest.size() / sizeof(float),
              "{}: vector '{}': count = {}: the file holds {} bytes of it", name, called, count, rest.size());
      Eigen::VectorXf x(static_cast<Eigen::Index>(count));
      if (count > 0) std::memcpy(x.data(), rest.data(), count * sizeof(float));
      rest.remove_prefix(count * sizeof(float));
      require(state.vectors.emplace(called, std::move(x)).second, "{}: vector '{}' is there twice", name,
              called);
    }
    require(rest.empty(), "{}: {} bytes after the last vector", name, rest.size());
  } catch (const nlohmann::json::exception& error) {
    fail("{}: header: {}", name, error.what());
  }
  return state;
}

}  // namespace zofo::checkpoint
