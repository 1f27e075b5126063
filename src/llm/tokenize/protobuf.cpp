#include "zofo/tokenize/protobuf.hpp"

#include <bit>
#include <cstddef>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

void for_each_field(std::string_view message, const std::function<void(const ProtoField&)>& visit) {
  std::size_t at = 0;
  const auto little_endian = [&](std::size_t bytes) {
    require(message.size() - at >= bytes, "byte {}: the message ends inside a number", at);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value |= std::uint64_t{static_cast<unsigned char>(message[at++])} << (8 * i);
    return value;
  };
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t byte = little_endian(1);
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail("byte {}: a number of more than 64 bits", at);
  };
  while (at < message.size()) {
    const std::size_t start = at;
    const std::uint64_t tag = varint();
    ProtoField field{.number = tag >> 3, .wire = static_cast<unsigned>(tag & 7), .value = 0, .bytes = {}};
    if (field.wire == 0) {
      field.value = varint();
    } else if (field.wire == 1 || field.wire == 5) {
      field.value = little_endian(field.wire == 1 ? 8 : 4);
    } else if (field.wire == 2) {
      const std::uint64_t size = varint();
      require(size <= message.size() - at, "byte {}: field {} of {} bytes: only {} follow", start,
              field.number, size, message.size() - at);
      field.bytes = message.substr(at, static_cast<std::size_t>(size));
      at += field.bytes.size();
    } else {
      fail("byte {}: field {}: wire type {}: must be 0, 1, 2 or 5", start, field.number, field.wire);
    }
    visit(field);
  }
}

void ProtoWriter::varint(unsigned number, std::uint64_t value) {
  put(std::uint64_t{number} << 3);
  put(value);
}

void ProtoWriter::real(unsigned number, float value) {
  put(std::uint64_t{number} << 3 | 5);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (unsigned i = 0; i < 4; ++i) bytes_ += static_cast<char>(bits >> (8 * i) & 0xFFu);
}

void ProtoWriter::bytes(unsigned number, std::string_view value) {
  put(std::uint64_t{number} << 3 | 2);
  put(value.size());
  bytes_ += value;
}

void ProtoWriter::put(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(0x80 | (value & 0x7F));
  bytes_ += static_cast<char>(value);
}

}  // namespace zofo::tokenize
