/// @file A loop over a range in chunks, in parallel under OpenMP.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace zofo {

/// Calls body(first, size) for consecutive ranges that together are [0, n), each of at most `chunk` ≥ 1,
/// shared among OpenMP threads. The work of a chunk must exceed the cost of a thread.
template <class Body>
void for_each_chunk(std::size_t n, std::size_t chunk, const Body& body) {
  const auto chunks = static_cast<std::int64_t>((n + chunk - 1) / chunk);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (chunks > 1)
#endif
  for (std::int64_t c = 0; c < chunks; ++c) {
    const std::size_t first = static_cast<std::size_t>(c) * chunk;
    body(first, std::min(chunk, n - first));
  }
}

}  // namespace zofo
