/// @file Sizes of GGUF's value types, and reading of integers of any width.
#pragma once

#include <cstdint>

#include "gguf_cursor.hpp"
#include "zofo/checkpoint/gguf_format.hpp"

namespace zofo::checkpoint {

/// Bytes of one value; 0 for strings and arrays, which have no fixed size, and for unknown types.
inline std::uint64_t value_size(GgufValue type) {
  switch (type) {
    case GgufValue::U8:
    case GgufValue::I8:
    case GgufValue::Bool:
      return 1;
    case GgufValue::U16:
    case GgufValue::I16:
      return 2;
    case GgufValue::U32:
    case GgufValue::I32:
    case GgufValue::F32:
      return 4;
    case GgufValue::U64:
    case GgufValue::I64:
    case GgufValue::F64:
      return 8;
    case GgufValue::String:
    case GgufValue::Array:
      break;
  }
  return 0;
}

/// Whether the type is an integer of any width.
inline bool is_integer(GgufValue type) {
  return value_size(type) > 0 && type != GgufValue::F32 && type != GgufValue::F64 && type != GgufValue::Bool;
}

/// Reads an integer and calls `f` with it. Returns false and reads nothing if the type is not an integer.
template <class F>
bool visit_integer(GgufCursor& cursor, GgufValue type, F&& f) {
  switch (type) {
    case GgufValue::U8:
      return f(cursor.read<std::uint8_t>("value")), true;
    case GgufValue::I8:
      return f(cursor.read<std::int8_t>("value")), true;
    case GgufValue::U16:
      return f(cursor.read<std::uint16_t>("value")), true;
    case GgufValue::I16:
      return f(cursor.read<std::int16_t>("value")), true;
    case GgufValue::U32:
      return f(cursor.read<std::uint32_t>("value")), true;
    case GgufValue::I32:
      return f(cursor.read<std::int32_t>("value")), true;
    case GgufValue::U64:
      return f(cursor.read<std::uint64_t>("value")), true;
    case GgufValue::I64:
      return f(cursor.read<std::int64_t>("value")), true;
    default:
      return false;
  }
}

}  // namespace zofo::checkpoint
