/// @file The saved state of a run, from which it resumes exactly: JSON values and vectors under a checksum.
#pragma once

#include <Eigen/Core>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "zofo/checkpoint/json_document.hpp"

namespace zofo::checkpoint {

/// Types that RunState::number returns.
template <class T>
concept StateNumber =
    std::same_as<T, bool> || std::same_as<T, int> || std::same_as<T, std::uint32_t> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::uint64_t> || std::same_as<T, float> ||
    std::same_as<T, double> || std::same_as<T, std::string> || std::same_as<T, nlohmann::json>;

/// Named JSON values and named vectors. The writer chooses the names.
class RunState {
 public:
  /// No values and no vectors.
  RunState();
  RunState(const RunState& other);
  RunState(RunState&& other) noexcept;
  RunState& operator=(const RunState& other);
  RunState& operator=(RunState&& other) noexcept;
  ~RunState();

  /// The values: a JSON object.
  [[nodiscard]] nlohmann::json& json() { return *json_; }
  /// The values: a JSON object.
  [[nodiscard]] const nlohmann::json& json() const { return *json_; }

  /// A value as T. Throws Error naming it when it is missing, of another type, or an integer outside T's
  /// range.
  template <StateNumber T>
  [[nodiscard]] T number(const char* name) const;
  /// The fields of an object among the values. Throws Error naming it when it is missing or not an object.
  [[nodiscard]] JsonFields fields(const char* name) const;
  /// A vector of the state; null if it does not exist.
  [[nodiscard]] const Eigen::VectorXf* vector(const std::string& name) const {
    const auto found = vectors.find(name);
    return found == vectors.end() ? nullptr : &found->second;
  }

  std::map<std::string, Eigen::VectorXf> vectors;  ///< by name

 private:
  std::unique_ptr<nlohmann::json> json_;  ///< not null unless moved from
};

/// First bytes of a state's file.
inline constexpr std::string_view state_magic = "ZOFOSTA1";

/// Bytes of a state: state_magic, the header's length (64 bits), the header (JSON), the vectors as fp32, and
/// the XXH64 hash of all these bytes.
std::string to_bytes(const RunState& state);

/// Reads a state. Throws Error naming the file unless every byte is as it was written.
RunState read_run_state(const std::filesystem::path& path);

}  // namespace zofo::checkpoint
