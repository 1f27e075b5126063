/// @file Reading whole files, and error messages that name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include "zofo/core/error_type.hpp"

namespace zofo::parse {

namespace detail {

/// Throws Error with the message "place: message".
[[noreturn]] void fail_at(std::string_view place, const char* message);

}  // namespace detail

/// Returns read(). Puts "place: " before the message of an Error that read() throws.
template <class Read>
auto with_path(std::string_view place, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    detail::fail_at(place, error.what());
  }
}

/// Returns the bytes of a file. Throws Error naming the file when it is not a regular file, has more than
/// `most` bytes, or cannot be read.
std::string read_file(const std::filesystem::path& path,
                      std::uintmax_t most = std::numeric_limits<std::uintmax_t>::max());

}  // namespace zofo::parse
