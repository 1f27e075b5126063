/// @file Selects the tasks of an outer step of meta-training.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/philox.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo {

/// Throws Error unless `weights` is empty, or has one finite positive number per task.
inline void check_task_weights(std::span<const double> weights, std::size_t tasks) {
  if (weights.empty()) return;
  require(weights.size() == tasks, "task_weights: {} for {} tasks", weights.size(), tasks);
  for (std::size_t i = 0; i < tasks; ++i)
    require(std::isfinite(weights[i]) && weights[i] > 0.0,
            "task_weights[{}] = {}: must be a finite number above 0", i, weights[i]);
}

namespace detail {

// No tensor has this number, so directions and task samples of one seed are independent.
inline constexpr std::uint32_t task_stream = stream_number(SingleStream::task_choice);

// Swaps one of the tasks order[i], order[i + 1], … into position i, with a chance proportional to its weight.
template <class Weight>
void move_sampled_to(std::vector<std::size_t>& order, std::size_t i, std::uint32_t bits, Weight&& weight) {
  double sum = 0.0;
  for (std::size_t j = i; j < order.size(); ++j) sum += weight(order[j]);
  double left = (static_cast<double>(bits) + 0.5) * 0x1p-32 * sum;
  std::size_t pick = i;
  while (pick + 1 < order.size() && left >= weight(order[pick])) left -= weight(order[pick++]);
  std::swap(order[i], order[pick]);
}

}  // namespace detail

/// Samples `count` of `tasks` tasks without repetition into `sampled`, one after another, each from the
/// remaining tasks: with equal chances, or with chances proportional to their weights. 0: all, in their
/// order. The result depends only on the arguments.
inline void sample_tasks(std::uint64_t seed, std::uint32_t step, std::size_t tasks, std::uint32_t count,
                         std::span<const double> weights, std::vector<std::size_t>& sampled) {
  sampled.resize(tasks);
  std::iota(sampled.begin(), sampled.end(), std::size_t{0});
  if (count == 0) return;
  const PhiloxStream stream{{seed, step, 0}, detail::task_stream};
  for (std::uint32_t i = 0; i < count && i < tasks; ++i) {
    const std::uint32_t bits = stream.block(i)[0];
    if (weights.empty()) {  // a partial shuffle (Fisher & Yates)
      const std::uint64_t pick = (std::uint64_t{bits} * (tasks - i)) >> 32U;
      std::swap(sampled[i], sampled[i + static_cast<std::size_t>(pick)]);
    } else {
      detail::move_sampled_to(sampled, i, bits, [&](std::size_t task) { return weights[task]; });
    }
  }
  sampled.resize(std::min<std::size_t>(count, tasks));
}

}  // namespace zofo
