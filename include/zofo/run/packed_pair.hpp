/// @file One task's adapters and the state of their optimisers as numbers on the host, as files hold them.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>

namespace zofo::llm {

/// A task's adapters and all that their solvers remember, on the CPU, in an order of their own: p and s, then
/// the moments of s and of p; a vector that is not there is empty.
struct PackedPair {
  std::uint64_t lower_steps = 0, upper_steps = 0;
  std::array<Eigen::VectorXf, 6> vectors;
};

}  // namespace zofo::llm
