/// @file fp32 to ggml's storage types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/checkpoint/ggml_type.hpp"

namespace zofo::checkpoint {

/// float to IEEE half, rounded to nearest, ties to even. NaN stays NaN; 65520 and more become infinite.
std::uint16_t float_to_half(float value);

/// The bytes that store `values` as `type`, in parallel under OpenMP. Q4_0, Q5_0 and Q8_0 have the bytes of
/// ggml-quants.c, quantize_row_*_ref; Q4_K, Q5_K and Q6_K minimise the same weighted squares of errors.
/// Throws Error for a type that cannot be written, for a number of values that is not a multiple of the
/// block, and for a value that the type cannot store: infinities and NaN (but as F32 and BF16), and
/// magnitudes above GgmlFormat::largest.
std::vector<std::byte> quantize(GgmlType type, std::span<const float> values);

}  // namespace zofo::checkpoint
