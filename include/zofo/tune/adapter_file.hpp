/// @file The adapter that a run serves, as a file.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "zofo/checkpoint/files.hpp"
#include "zofo/core/error.hpp"

namespace zofo::tune {

/// The adapter a run serves and how to use it. Saved as: 8 bytes magic, 8 bytes header length, JSON header,
/// floats.
struct Served {
  std::string what = "none";  ///< "upper" (θ, p), "lower" (θ, s) or "backbone" (θ alone)
  std::string direction = "gaussian";
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16.0;
  std::string lora_targets = "q,v";
  double upper_loss = 0.0;  ///< of (θ, p) on the rows that decided; 0 where nothing was to decide
  double lower_loss = 0.0;  ///< of (θ, s) on the same rows
  std::uint64_t decision_rows = 0;
  std::uint32_t steps = 0;  ///< steps of the trajectory that lead to it: all but where training stopped early
  Eigen::VectorXf adapter;  ///< empty for "backbone"
};

inline constexpr std::string_view adapter_magic = "ZOFOADP1";

/// Bytes of adapter.bin.
inline std::string to_bytes(const Served& served) {
  const nlohmann::json header = {{"served", served.what},
                                 {"direction", served.direction},
                                 {"lora_rank", served.lora_rank},
                                 {"lora_alpha", served.lora_alpha},
                                 {"lora_targets", served.lora_targets},
                                 {"steps", served.steps},
                                 {"count", served.adapter.size()},
                                 {"decision",
                                  {{"upper_loss", served.upper_loss},
                                   {"lower_loss", served.lower_loss},
                                   {"rows", served.decision_rows}}}};
  const std::string text = header.dump();
  const auto length = static_cast<std::uint64_t>(text.size());
  std::string bytes(adapter_magic);
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text;
  bytes.append(reinterpret_cast<const char*>(served.adapter.data()),
               static_cast<std::size_t>(served.adapter.size()) * sizeof(float));
  return bytes;
}

/// Reads adapter.bin; throws Error (file, field) unless it is complete and consistent.
inline Served read_served(const std::filesystem::path& path) {
  const std::string bytes = checkpoint::read_all(path);
  require(bytes.size() >= 16 && std::string_view(bytes).substr(0, 8) == adapter_magic,
          "{}: not an adapter file", path.string());
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data() + 8, sizeof length);
  require(length <= bytes.size() - 16, "{}: header length {} goes past the end of the file", path.string(),
          length);
  Served served;
  std::uint64_t count = 0;
  try {
    const nlohmann::json header = nlohmann::json::parse(std::string_view(bytes).substr(16, length));
    served.what = header.at("served").get<std::string>();
    served.direction = header.at("direction").get<std::string>();
    served.lora_rank = header.at("lora_rank").get<std::uint32_t>();
    served.lora_alpha = header.at("lora_alpha").get<double>();
    served.lora_targets = header.at("lora_targets").get<std::string>();
    served.steps = header.at("steps").get<std::uint32_t>();
    count = header.at("count").get<std::uint64_t>();
  } catch (const nlohmann::json::exception& error) {
    fail("{}: header: {}", path.string(), error.what());
  }
  const std::uint64_t rest = bytes.size() - 16 - length;
  require(rest % sizeof(float) == 0 && rest / sizeof(float) == count,
          "{}: count = {}: the file holds {} bytes of them", path.string(), count, rest);
  served.adapter.resize(static_cast<Eigen::Index>(count));
  if (rest > 0) std::memcpy(served.adapter.data(), bytes.data() + 16 + length, rest);
  return served;
}

}  // namespace zofo::tune
