/// @file Random numbers of laws that need more than one number a coordinate.
#pragma once

#include <cstdint>

#include "zofo/core/error.hpp"

namespace zofo {

/// What an extra stream is for. θ's tensors have streams below 2^28; the rest of the numbers is the laws'.
enum class ExtraStream : std::uint32_t { coordinate = 1, mask = 2, left = 3, right = 4, rounding = 5 };

/// The stream of extra numbers of a tensor: no tensor uses it. Throws Error for a tensor's stream of 2^28 or
/// more.
inline std::uint32_t extra_stream(ExtraStream use, std::uint32_t tensor) {
  require(tensor < (std::uint32_t{1} << 28U), "tensor stream = {}: must be below 2^28 = 268435456", tensor);
  return static_cast<std::uint32_t>(use) << 28U | tensor;
}

/// What a mini-batch is for.
enum class BatchStream : std::uint32_t {
  inner_upper = 0,
  inner_lower = 1,
  probe_upper = 2,
  probe_lower = 3,
  large_upper = 4,
  large_lower = 5
};
[[nodiscard]] constexpr std::uint32_t stream_number(BatchStream stream) {
  return static_cast<std::uint32_t>(stream);
}

}  // namespace zofo
