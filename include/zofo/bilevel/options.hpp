/// @file Options of the algorithm.
#pragma once

#include <cstdint>
#include <limits>

#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"

namespace zofo {

/// Options of the outer loop (DESIGN.md §4). MeZO and first-order PEFT are this loop with parts switched off.
struct BilevelOptions {
  std::uint32_t outer_steps = 100;
  std::uint32_t inner_steps = 5;  ///< T
  Schedule penalty = 10.0;        ///< λ; 0 leaves F alone
  double inner_tolerance = 0.0;   ///< gradient norm at which a round's inner steps end early; 0: never
  bool upper_with_lower = true;   ///< p is stepped with every s step; else once an outer step
  bool train_upper = true;        ///< first-order steps on p
  bool train_lower = true;        ///< first-order steps on s
  bool move_backbone = true;      ///< zeroth-order steps on θ
  std::uint64_t seed = 0;         ///< seed of the samples

  /// MeZO: zeroth-order steps on F alone.
  [[nodiscard]] BilevelOptions mezo() const {
    BilevelOptions o = *this;
    o.penalty = 0.0;
    o.train_upper = o.train_lower = false;
    o.move_backbone = true;
    return o;
  }
  /// First-order PEFT: s on G alone.
  [[nodiscard]] BilevelOptions adapter_alone() const {
    BilevelOptions o = *this;
    o.train_upper = o.move_backbone = false;
    o.train_lower = true;
    return o;
  }
  /// Throws Error naming the field out of range.
  void check() const {
    require(outer_steps >= 1, "outer_steps = {}: must be at least 1", outer_steps);
    require(inner_steps >= 1, "inner_steps = {}: must be at least 1", inner_steps);
    // Inner samples are numbered outer_step · T + t in 32 bits; past them the batches would repeat.
    require(std::uint64_t{outer_steps} * inner_steps <= std::numeric_limits<std::uint32_t>::max(),
            "outer_steps * inner_steps = {}: must be below 2^32", std::uint64_t{outer_steps} * inner_steps);
    penalty.check("penalty", 0.0, 1e12);
    require_in("inner_tolerance", inner_tolerance, 0.0, 1e300);
    require(train_upper || train_lower || move_backbone,
            "train_upper, train_lower, move_backbone: at least one must be true");
  }
};

}  // namespace zofo
