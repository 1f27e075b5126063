/// @file ggml's storage types: one table with their names, blocks and conversions from and to float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace zofo::checkpoint {

/// Storage types; the values are ggml's (ggml.h, enum ggml_type). Other values are stored in files too:
/// find_format() knows all of ggml's.
enum class GgmlType : std::uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  Q8_K = 15,
  IQ4_NL = 20,
  IQ4_XS = 23,
  F64 = 28,
  BF16 = 30,
  MXFP4 = 39
};

/// A storage type: numbers are stored in blocks of one size (ggml-common.h).
struct GgmlFormat {
  std::string_view name;     ///< as ggml spells it
  std::uint32_t values = 1;  ///< numbers in a block
  std::uint32_t bytes = 0;   ///< size of a block; 0 for a type that ggml has removed
  /// Writes the floats of `count` blocks; null for a type that cannot be read.
  void (*read)(const std::byte* blocks, std::size_t count, float* out) = nullptr;
  /// Writes the `count` blocks of finite floats; null for a type that cannot be written.
  void (*write)(const float* values, std::size_t count, std::byte* blocks) = nullptr;
  float largest = 0.0F;  ///< largest magnitude that can be written

  /// Whether numbers share a scale, so that they are rounded more than by a float's mantissa.
  [[nodiscard]] bool quantised() const { return values > 1; }
};

/// The type's row of the table; null for a number that ggml does not know.
const GgmlFormat* find_format(GgmlType type);

/// The row of a type that can be read. Throws Error naming `location`, the type and all types that can.
const GgmlFormat& readable_format(GgmlType type, std::string_view location);

/// The row of a type that can be written. Throws Error as readable_format.
const GgmlFormat& writable_format(GgmlType type, std::string_view location);

}  // namespace zofo::checkpoint
