/// @file The part of protobuf's wire format that a SentencePiece model uses.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace zofo::tokenize {

/// One field of a message; `bytes` is a view of the message.
struct ProtoField {
  std::uint64_t number = 0;  ///< of the field
  unsigned wire = 0;         ///< 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes
  std::uint64_t value = 0;   ///< of wire types 0, 1, 5
  std::string_view bytes;    ///< of wire type 2
};

/// Calls visit(field) with every field of a message. Throws Error with the byte position for an invalid
/// message.
void for_each_field(std::string_view message, const std::function<void(const ProtoField&)>& visit);

/// Writes the fields of a message in sequence.
class ProtoWriter {
 public:
  /// Appends a field of wire type 0.
  void varint(unsigned number, std::uint64_t value);
  /// Appends a float as a field of wire type 5.
  void real(unsigned number, float value);
  /// Appends a field of wire type 2.
  void bytes(unsigned number, std::string_view value);
  /// The message.
  const std::string& str() const { return bytes_; }

 private:
  void put(std::uint64_t value);

  std::string bytes_;
};

}  // namespace zofo::tokenize
