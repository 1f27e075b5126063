/// @file A loop over blocks of numbers, in parallel under OpenMP.
#pragma once

#include <algorithm>
#include <cstddef>

namespace zofo::checkpoint {

/// Calls run(first, count) for consecutive ranges that together are [0, blocks), each of at most `chunk`
/// blocks: its work must exceed the cost of a thread.
template <class Run>
void for_each_chunk(std::size_t blocks, std::size_t chunk, Run run) {
  const auto chunks = static_cast<std::ptrdiff_t>((blocks + chunk - 1) / chunk);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (chunks > 1)
#endif
  for (std::ptrdiff_t c = 0; c < chunks; ++c) {
    const std::size_t first = static_cast<std::size_t>(c) * chunk;
    run(first, std::min(chunk, blocks - first));
  }
}

}  // namespace zofo::checkpoint
