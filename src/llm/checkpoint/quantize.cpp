#include "zofo/checkpoint/quantize.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "zofo/checkpoint/widen.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

// 32 values as a half d = max|x|/127 and bytes round(x/d).
void quantize_q8_block(const float* values, std::byte* block) {
  float largest = 0.0F;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::abs(values[i]));
  const float scale = largest / 127.0F;
  const float inverse = scale > 0.0F ? 1.0F / scale : 0.0F;
  const std::uint16_t stored = float_to_half(scale);
  std::memcpy(block, &stored, sizeof stored);
  for (int i = 0; i < 32; ++i) {
    // A subnormal scale has an infinite inverse, and 0 times infinity is NaN.
    const float steps = std::clamp(std::round(values[i] * inverse), -127.0F, 127.0F);
    block[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::isnan(steps) ? 0.0F : steps));
  }
}

}  // namespace

std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t half = 0x7E00U;  // NaN
  if (magnitude < 0x38800000U)   // below 2^-14: near 1/2 the spacing of floats is that of subnormal halves
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3F000000U;
  else if (magnitude < 0x477FF000U)  // below 65520: the exponent's bias changes from 127 to 15
    half = (magnitude - 0x38000000U + 0xFFFU + ((magnitude >> 13U) & 1U)) >> 13U;
  else if (magnitude <= 0x7F800000U)
    half = 0x7C00U;
  return static_cast<std::uint16_t>(sign | half);
}

std::vector<std::byte> quantize(GgmlType type, std::span<const float> values) {
  require(type == GgmlType::F32 || type == GgmlType::BF16 || type == GgmlType::Q8_0,
          "ggml type {}: must be F32, BF16 or Q8_0 to be written", static_cast<std::uint32_t>(type));
  const BlockLayout layout = *block_layout(type);
  require(values.size() % layout.values == 0, "{} values: must be a multiple of {} ({})", values.size(),
          layout.values, layout.name);
  std::vector<std::byte> bytes(values.size() / layout.values * layout.bytes);
  if (type == GgmlType::F32) std::ranges::copy(std::as_bytes(values), bytes.begin());
  if (type == GgmlType::BF16) narrow_bfloat16(values, bytes);
  if (type != GgmlType::Q8_0) return bytes;
  constexpr float most = 127.0F * 65504.0F;
  for (const float value : values)
    require(std::abs(value) <= most, "value {}: Q8_0 stores at most {}", value, most);
  for (std::size_t block = 0; block * layout.values < values.size(); ++block)
    quantize_q8_block(values.data() + block * layout.values, bytes.data() + block * layout.bytes);
  return bytes;
}

}  // namespace zofo::checkpoint
