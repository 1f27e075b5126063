/// @file Division of a tensor among threads, which does not depend on their number.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "zofo/core/chunks.hpp"

namespace zofo {

inline constexpr std::size_t kChunk = std::size_t{1} << 16U;  ///< coordinates per chunk of a thread
inline constexpr std::size_t kBlock = 1024;                   ///< coordinates per block: z fits the L1 cache
inline constexpr std::size_t kLanes = 16;                     ///< partial sums of accumulate_blocks

/// Calls body(first, size) on chunks of [0, n), shared among OpenMP threads.
template <class Body>
void for_each_chunk(std::size_t n, const Body& body) {
  for_each_chunk(n, kChunk, body);
}

/// Calls body(first, size) on blocks of the range [begin, begin + size).
template <class Body>
void for_each_block_of(std::size_t begin, std::size_t size, const Body& body) {
  for (std::size_t done = 0; done < size; done += kBlock) body(begin + done, std::min(kBlock, size - done));
}

/// Calls body(first, size) on blocks of the chunks of [0, n).
template <class Body>
void for_each_block(std::size_t n, const Body& body) {
  for_each_chunk(n, [&body](std::size_t first, std::size_t size) { for_each_block_of(first, size, body); });
}

/// Calls body(first, size, sum) on blocks of [0, n), and adds the sums to `total`. Each of kLanes partial
/// sums has every kLanes-th chunk in order, so the rounding does not depend on the number of threads.
template <class Sum, class Body>
void accumulate_blocks(std::size_t n, const Sum& zero, Sum& total, const Body& body) {
  const std::size_t chunks = (n + kChunk - 1) / kChunk;
  const auto lanes = static_cast<std::int64_t>(std::min(chunks, kLanes));
  std::array<Sum, kLanes> partial;
  partial.fill(zero);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (lanes > 1)
#endif
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    Sum& sum = partial[static_cast<std::size_t>(lane)];
    for (auto chunk = static_cast<std::size_t>(lane); chunk < chunks; chunk += kLanes) {
      const std::size_t first = chunk * kChunk;
      for_each_block_of(first, std::min(kChunk, n - first),
                        [&](std::size_t at, std::size_t size) { body(at, size, sum); });
    }
  }
  for (std::int64_t lane = 0; lane < lanes; ++lane) total += partial[static_cast<std::size_t>(lane)];
}

}  // namespace zofo
