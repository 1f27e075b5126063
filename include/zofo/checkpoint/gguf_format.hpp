/// @file Constants and raw values of the GGUF format (ggml/docs/gguf.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace zofo::checkpoint {

/// Value types of GGUF's metadata (ggml/docs/gguf.md, enum gguf_metadata_value_type).
enum class GgufValue : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// First four bytes of a file: "GGUF".
inline constexpr std::uint32_t gguf_magic = 0x46554747u;
/// Alignment of tensor data in a file without `general.alignment`.
inline constexpr std::uint32_t gguf_default_alignment = 32;

/// The bytes of a metadata value, to be copied into another file.
struct GgufRaw {
  GgufValue type = GgufValue::U8;    ///< of an element if the value is an array
  bool array = false;                ///< whether the value is an array
  std::uint64_t count = 1;           ///< number of elements; 1 for a scalar
  std::span<const std::byte> bytes;  ///< of the elements; valid as long as the file's bytes
};

}  // namespace zofo::checkpoint
