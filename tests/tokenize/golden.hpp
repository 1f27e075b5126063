/// @file Reads tests/golden/tokenize.json for the tests of this room.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "zofo/tokenize/byte_bpe.hpp"

namespace zofo::tokenize::golden {

/// The folder lies beside this header's, so tests find it from any working directory.
inline std::filesystem::path folder() {
  return std::filesystem::path(__FILE__).parent_path().parent_path() / "golden";
}

inline nlohmann::json load() {
  const auto path = folder() / "tokenize.json";
  std::ifstream file(path);
  require(file.is_open(), "{}: cannot be opened", path.string());
  return nlohmann::json::parse(file);
}

inline ByteBpe small_tokenizer(const nlohmann::json& golden, const std::string& pre) {
  const auto& small = golden.at("small");
  return ByteBpe(small.at("tokens"), small.at("merges"), small.at("types"), pre);
}

/// The text of a case cut short, for messages.
inline std::string shown(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true).substr(0, 200);
}

}  // namespace zofo::tokenize::golden
