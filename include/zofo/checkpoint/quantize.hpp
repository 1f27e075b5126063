/// @file fp32 to the types that exports are stored in: F32, BF16, Q8_0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zofo/checkpoint/dequantize.hpp"

namespace zofo::checkpoint {

/// float to IEEE half, rounded to nearest, ties to even. NaN stays NaN; 65520 and more become infinite.
std::uint16_t float_to_half(float value);

/// The bytes that store `values` as `type`. Throws Error for a type other than F32, BF16 and Q8_0, for a
/// number of values that is not a multiple of the block, and for values whose Q8_0 scale exceeds the largest
/// half. Source of Q8_0: ggml-quants.c, quantize_row_q8_0_ref.
std::vector<std::byte> quantize(GgmlType type, std::span<const float> values);

}  // namespace zofo::checkpoint
