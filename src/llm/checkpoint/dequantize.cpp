#include "zofo/checkpoint/dequantize.hpp"

#include <algorithm>

#include "zofo/core/chunks.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
  const GgmlFormat& format = readable_format(type, "dequantize");
  const std::size_t blocks = bytes.size() / format.bytes;
  require(bytes.size() % format.bytes == 0 && out.size() % format.values == 0 &&
              out.size() / format.values == blocks,
          "{}: {} bytes do not hold {} values ({} values take {} bytes)", format.name, bytes.size(),
          out.size(), format.values, format.bytes);
  constexpr std::size_t values = std::size_t{1} << 16U;  // of a chunk
  for_each_chunk(blocks, std::max<std::size_t>(1, values / format.values), [&](auto first, auto count) {
    format.read(bytes.data() + first * format.bytes, count, out.data() + first * format.values);
  });
}

}  // namespace zofo::checkpoint
