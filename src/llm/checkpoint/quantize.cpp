#include "zofo/checkpoint/quantize.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "zofo/core/chunks.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

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
  const GgmlFormat& format = writable_format(type, "quantize");
  require(values.size() % format.values == 0, "{} values: must be a multiple of {} ({})", values.size(),
          format.values, format.name);
  if (type != GgmlType::F32 && type != GgmlType::BF16)
    for (const float value : values)
      require(std::abs(value) <= format.largest, "value {}: {} stores magnitudes of at most {}", value,
              format.name, format.largest);
  const std::size_t blocks = values.size() / format.values;
  std::vector<std::byte> bytes(blocks * format.bytes);
  constexpr std::size_t chunk = std::size_t{1} << 14U;  // values
  for_each_chunk(blocks, chunk / format.values, [&](auto first, auto count) {
    format.write(values.data() + first * format.values, count, bytes.data() + first * format.bytes);
  });
  return bytes;
}

}  // namespace zofo::checkpoint
