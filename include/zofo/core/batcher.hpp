/// @file The examples of a mini-batch, as a pure function of its key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "zofo/core/batch_key.hpp"
#include "zofo/core/error.hpp"

namespace zofo {

namespace detail {

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that scrambles its argument.
constexpr std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// 64 random bits at a position of SplitMix64's sequence from `key`.
constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t position) {
  return scramble(key + (position + 1) * 0x9e3779b97f4a7c15ULL);
}

}  // namespace detail

/// The examples 0 … rows − 1 in their order in one epoch (Fisher–Yates shuffle): a pure function of its
/// arguments.
inline std::vector<std::size_t> shuffled(std::uint64_t seed, std::uint64_t stream, std::uint64_t epoch,
                                         std::size_t rows) {
  const std::uint64_t key = detail::random_bits(detail::random_bits(seed, stream), epoch);
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t left = rows; left > 1; --left)
    std::swap(order[left - 1], order[detail::random_bits(key, left) % left]);
  return order;
}

/// Indices of the examples of mini-batch `key.step`. The epochs of (seed, task, stream), each in its own
/// order, are concatenated and cut into batches of `batch` examples, so every example is used once per epoch.
/// A batch across the border of two epochs may hold an example twice. `rows` is the number of examples. Costs
/// O(rows). Throws Error unless 1 ≤ batch ≤ rows.
inline std::vector<std::size_t> sample_batch(BatchKey key, std::size_t rows, std::size_t batch) {
  require(batch >= 1 && batch <= rows, "batch = {}: must be in [1, {}], the number of rows", batch, rows);
  const std::uint64_t first = std::uint64_t{key.step} * batch;
  std::uint64_t epoch = first / rows;
  std::size_t position = first % rows;
  std::vector<std::size_t> order = shuffled(task_seed(key), key.stream, epoch, rows);
  std::vector<std::size_t> chosen;
  chosen.reserve(batch);
  while (chosen.size() < batch) {
    if (position == rows) {
      order = shuffled(task_seed(key), key.stream, ++epoch, rows);
      position = 0;
    }
    chosen.push_back(order[position++]);
  }
  return chosen;
}

}  // namespace zofo
