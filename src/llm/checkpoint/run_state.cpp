#include "zofo/checkpoint/run_state.hpp"

#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "zofo/core/error.hpp"
#include "zofo/core/hash.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::checkpoint {

namespace {

std::uint64_t number_at(std::string_view bytes, std::size_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Reads the vectors that the header lists; `rest` holds their bytes.
void read_vectors(const nlohmann::json& header, std::string_view rest, const std::string& name,
                  RunState& state) {
  for (const nlohmann::json& entry : header.at("vectors")) {
    const auto called = entry.at(0).get<std::string>();
    require(entry.at(1).is_number_unsigned(), "{}: vector '{}': count = {}: must be an integer", name, called,
            entry.at(1).dump());
    const auto count = entry.at(1).get<std::uint64_t>();
    require(count <= rest.size() / sizeof(float), "{}: vector '{}': count = {}: only {} bytes remain", name,
            called, count, rest.size());
    Eigen::VectorXf x(static_cast<Eigen::Index>(count));
    if (count > 0) std::memcpy(x.data(), rest.data(), count * sizeof(float));
    rest.remove_prefix(count * sizeof(float));
    require(state.vectors.emplace(called, std::move(x)).second, "{}: vector '{}' appears twice", name,
            called);
  }
  require(rest.empty(), "{}: {} bytes after the last vector", name, rest.size());
}

}  // namespace

RunState::RunState() : json_(std::make_unique<nlohmann::json>(nlohmann::json::object())) {}
RunState::RunState(const RunState& other)
    : vectors(other.vectors), json_(std::make_unique<nlohmann::json>(other.json())) {}
RunState::RunState(RunState&& other) noexcept = default;
RunState& RunState::operator=(const RunState& other) { return *this = RunState(other); }
RunState& RunState::operator=(RunState&& other) noexcept = default;
RunState::~RunState() = default;

template <StateNumber T>
T RunState::number(const char* name) const {
  try {
    const nlohmann::json& value = json().at(name);
    if constexpr (std::integral<T> && !std::same_as<T, bool>) {  // get<T> would truncate
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

template bool RunState::number<bool>(const char* name) const;
template int RunState::number<int>(const char* name) const;
template std::uint32_t RunState::number<std::uint32_t>(const char* name) const;
template std::int64_t RunState::number<std::int64_t>(const char* name) const;
template std::uint64_t RunState::number<std::uint64_t>(const char* name) const;
template float RunState::number<float>(const char* name) const;
template double RunState::number<double>(const char* name) const;
template std::string RunState::number<std::string>(const char* name) const;
template nlohmann::json RunState::number<nlohmann::json>(const char* name) const;

JsonFields RunState::fields(const char* name) const {
  return {number<nlohmann::json>(name), fmt::format("saved state: {}", name)};
}

std::string to_bytes(const RunState& state) {
  nlohmann::json sizes = nlohmann::json::array();
  for (const auto& [name, x] : state.vectors) sizes.push_back({name, x.size()});
  const std::string header = parse::json_text(nlohmann::json{{"numbers", state.json()}, {"vectors", sizes}});
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

RunState read_run_state(const std::filesystem::path& path) {
  const std::string all = parse::read_file(path);
  const std::string name = path.string();
  require(all.starts_with(state_magic), "{}: not a saved state", name);
  require(all.size() >= 24, "{}: {} bytes: a saved state has at least 24", name, all.size());
  const std::string_view bytes = std::string_view(all).substr(0, all.size() - 8);
  require(Hash64().update(bytes).value() == number_at(all, bytes.size()),
          "{}: its checksum does not match its {} bytes: the file is damaged", name, all.size());
  const std::uint64_t length = number_at(bytes, 8);
  require(length <= bytes.size() - 16, "{}: header length {} exceeds the file", name, length);
  RunState state;
  try {
    nlohmann::json header = parse_json(bytes.substr(16, length), name + ": header");
    state.json() = std::move(header.at("numbers"));
    require(state.json().is_object(), "{}: header: numbers: must be a JSON object", name);
    read_vectors(header, bytes.substr(16 + length), name, state);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: header: {}", name, error.what());
  }
  return state;
}

}  // namespace zofo::checkpoint
