/// @file Reads tests/golden/tokenize.json for the tests of this module.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"
#include "zofo/tokenize/byte_bpe.hpp"

namespace zofo::tokenize::golden {

/// Parses a JSON file.
inline nlohmann::json read_json(const std::filesystem::path& path) {
  return parse::parse_json(parse::read_file(path));
}

/// The folder tests/golden, found from this header's path, so that the working directory does not matter.
inline std::filesystem::path folder() { return std::filesystem::path(ZOFO_SOURCE_DIR) / "tests/golden"; }

/// The golden file.
inline nlohmann::json load() { return read_json(folder() / "tokenize.json"); }

/// The small tokenizer of the golden file with a pretokenizer.
inline ByteBpe small_tokenizer(const nlohmann::json& golden, const std::string& pre) {
  const auto& small = golden.at("small");
  return ByteBpe(small.at("tokens"), small.at("merges"), small.at("types"), pre);
}

/// FNV-1a of the ids that a tokenizer has for texts, as four bytes each in little-endian order, and -1 after
/// every text.
template <class Encoder>
std::string digest(const Encoder& tokenizer, const std::vector<std::string>& texts) {
  std::uint64_t state = 0xCBF29CE484222325;
  const auto add = [&state](std::int32_t id) {
    for (unsigned i = 0; i < 4; ++i)
      state = (state ^ (static_cast<std::uint32_t>(id) >> (8 * i) & 0xFFu)) * 0x100000001B3;
  };
  for (const std::string& text : texts) {
    for (const std::int32_t id : tokenizer.encode(text)) add(id);
    add(-1);
  }
  return fmt::format("{:016x}", state);
}

/// The text of a case as ASCII, shortened, for messages.
inline std::string shown(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true).substr(0, 200);
}

}  // namespace zofo::tokenize::golden
