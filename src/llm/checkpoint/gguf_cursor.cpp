#include "gguf_cursor.hpp"

#include "zofo/checkpoint/printable_utf8.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

std::string_view GgufCursor::text(std::string_view what) {
  const auto length = read<std::uint64_t>(what);
  return {reinterpret_cast<const char*>(take(length, what)), static_cast<std::size_t>(length)};
}

std::string GgufCursor::name(std::string_view what) {
  const std::uint64_t at = position_;
  const std::string_view value = text(what);
  require(!value.empty() && value.size() <= 65535, "{}: byte {}: {} of {} bytes: must have 1 to 65535", file_,
          at, what, value.size());
  require(is_printable_utf8(value), "{}: byte {}: {} must be UTF-8 without control characters", file_, at,
          what);
  return std::string(value);
}

void GgufCursor::skip(std::uint64_t count, std::uint64_t size, std::string_view what) {
  require(count <= remaining() / size, "{}: byte {}: {}: {} items of {} bytes, but {} bytes remain", file_,
          position_, what, count, size, remaining());
  position_ += count * size;
}

void GgufCursor::check_count(std::uint64_t count, std::uint64_t least, std::string_view what) const {
  require(count <= remaining() / least, "{}: {} = {}: {} bytes remain, at least {} are needed for each",
          file_, what, count, remaining(), least);
}

const std::byte* GgufCursor::take(std::uint64_t size, std::string_view what) {
  require(size <= remaining(), "{}: byte {}: {} needs {} bytes, but {} remain", file_, position_, what, size,
          remaining());
  const std::byte* at = bytes_.data() + position_;
  position_ += size;
  return at;
}

}  // namespace zofo::checkpoint
