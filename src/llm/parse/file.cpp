#include "zofo/parse/file.hpp"

#include <cstddef>
#include <fstream>
#include <system_error>

#include "zofo/core/error.hpp"

namespace zofo::parse {

void detail::fail_at(std::string_view place, const char* message) { fail("{}: {}", place, message); }

std::string read_file(const std::filesystem::path& path, std::uintmax_t most) {
  std::error_code ignored;  // a path that cannot be examined is not a regular file either
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
