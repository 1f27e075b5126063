#include "zofo/checkpoint/dequantize.hpp"

#include <algorithm>
#include <atomic>

#include "zofo/checkpoint/check_finite.hpp"
#include "zofo/core/chunks.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

bool dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
  const GgmlFormat& format = readable_format(type, "dequantize");
  const std::size_t blocks = bytes.size() / format.bytes;
  require(bytes.size() % format.bytes == 0 && out.size() % format.values == 0 &&
              out.size() / format.values == blocks,
          "{}: {} bytes do not hold {} values ({} values take {} bytes)", format.name, bytes.size(),
          out.size(), format.values, format.bytes);
  constexpr std::size_t values = std::size_t{1} << 16U;  // of a chunk
  std::atomic<bool> finite = true;
  for_each_chunk(blocks, std::max<std::size_t>(1, values / format.values), [&](auto first, auto count) {
    const std::span part = out.subspan(first * format.values, count * format.values);
    format.read(bytes.data() + first * format.bytes, count, part.data());
    // Here, where the floats are still in the core's cache.
    if (!all_finite(part)) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

}  // namespace zofo::checkpoint
