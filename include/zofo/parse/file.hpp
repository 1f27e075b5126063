/// @file Whole files as bytes, and messages that say which file they speak of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>

#include "zofo/core/error.hpp"

namespace zofo::parse {

/// Calls read() and puts `place` before what an Error of it says.
template <class Read>
auto with_path(std::string_view place, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    fail("{}: {}", place, error.what());
  }
}

/// The bytes of a file. Throws Error naming it when it is no regular file, has more than `most` bytes, or
/// cannot be read.
inline std::string read_file(const std::filesystem::path& path,
                             std::uintmax_t most = std::numeric_limits<std::uintmax_t>::max()) {
  std::error_code ignored;  // what cannot be looked at is no regular file either
  require(std::filesystem::is_regular_file(path, ignored), "{}: must be a regular file", path.string());
  const std::uintmax_t size = std::filesystem::file_size(path, ignored);
  require(size <= most, "{}: {} bytes: must have at most {}", path.string(), size, most);
  std::ifstream input(path, std::ios::binary);
  require(input.is_open(), "{}: cannot be opened", path.string());
  std::string bytes(size, '\0');
  input.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(input.gcount()));
  require(!input.bad(), "{}: reading failed", path.string());
  return bytes;
}

}  // namespace zofo::parse
