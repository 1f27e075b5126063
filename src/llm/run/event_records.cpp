#include "zofo/run/event_records.hpp"

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>

namespace zofo::llm {

namespace {

constexpr std::array<std::uint32_t, 256> crc_table() {
  constexpr std::uint32_t reversed_polynomial = 0x82f63b78U;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? reversed_polynomial : 0U);
    table[byte] = crc;
  }
  return table;
}

// Bytes of a number, the lowest first.
template <std::unsigned_integral T>
void append_fixed(std::string& out, T value) {
  for (std::size_t byte = 0; byte < sizeof(T); ++byte)
    out += static_cast<char>((value >> (8 * byte)) & 0xffU);
}

// Protocol Buffers: a field is its key, (number << 3) | kind, and its value.
enum class Kind : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) out += static_cast<char>((value & 0x7fU) | 0x80U);
  out += static_cast<char>(value);
}
void append_key(std::string& out, std::uint32_t number, Kind kind) {
  append_varint(out, (std::uint64_t{number} << 3U) | static_cast<std::uint64_t>(kind));
}
void append_bytes(std::string& out, std::uint32_t number, std::string_view text) {
  append_key(out, number, Kind::bytes);
  append_varint(out, text.size());
  out += text;
}
// A number that is 0 is left out, as proto3 does.
void append_integer(std::string& out, std::uint32_t number, std::uint64_t value) {
  if (value == 0) return;
  append_key(out, number, Kind::varint);
  append_varint(out, value);
}

// Event: wall_time = 1, step = 2.
std::string event_at(double wall_time, std::uint64_t step) {
  std::string event;
  append_key(event, 1, Kind::fixed64);
  append_fixed(event, std::bit_cast<std::uint64_t>(wall_time));
  append_integer(event, 2, step);
  return event;
}

std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15U) | (crc << 17U)) + 0xa282ead8U; }

}  // namespace

std::uint32_t crc32c(std::string_view text) {
  static constexpr std::array<std::uint32_t, 256> table = crc_table();
  std::uint32_t crc = 0xffffffffU;
  for (const char c : text) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xffU] ^ (crc >> 8U);
  return ~crc;
}

std::string version_event(double wall_time) {
  std::string event = event_at(wall_time, 0);
  append_bytes(event, 3, "brain.Event:2");  // file_version
  return event;
}

std::string start_event(double wall_time, std::uint64_t step) {
  constexpr std::uint64_t start = 1;
  std::string session;
  append_integer(session, 1, start);  // SessionLog.status
  std::string event = event_at(wall_time, step);
  append_bytes(event, 7, session);  // session_log
  return event;
}

std::string scalars_event(double wall_time, std::uint64_t step, std::span<const Scalar> scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    append_bytes(value, 1, scalar.tag);
    append_key(value, 2, Kind::fixed32);  // simple_value
    append_fixed(value, std::bit_cast<std::uint32_t>(static_cast<float>(scalar.value)));
    append_bytes(summary, 1, value);  // Summary.value
  }
  std::string event = event_at(wall_time, step);
  append_bytes(event, 5, summary);  // summary
  return event;
}

std::string event_record(std::string_view message) {
  std::string length, record;
  append_fixed(length, std::uint64_t{message.size()});
  record += length;
  append_fixed(record, masked(crc32c(length)));
  record += message;
  append_fixed(record, masked(crc32c(message)));
  return record;
}

}  // namespace zofo::llm
