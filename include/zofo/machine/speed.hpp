/// @file Short measurements of what bounds a step on the CPU: products and memory.
#pragma once

#include <cstddef>
#include <functional>

namespace zofo::machine {

/// The shortest of several executions of `work`, in seconds: one to warm up, then at least one and at most
/// `most`, until `budget` seconds have passed. The first is the only one if it takes longer than that.
double shortest(const std::function<void()>& work, double budget, std::size_t most = 20);

/// GFLOP/s of an fp32 product of `rows` tokens by a weight [out, in], a multiplication and an addition
/// counted as two, in about `budget` seconds.
double product_speed(std::size_t rows, std::size_t in, std::size_t out, double budget);

/// GB/s (1e9 bytes) read and written by a copy of `bytes` by all threads, in about `budget` seconds.
double copy_speed(std::size_t bytes, double budget);

}  // namespace zofo::machine
