/// @file Options of the algorithm.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "zofo/bilevel/task_sampling.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/schedule.hpp"

namespace zofo {

/// Options of the outer loop. MeZO and first-order PEFT are this loop with parts switched off.
struct BilevelOptions {
  /// Outer steps of one solve(). Raise it until the loss no longer falls.
  std::uint32_t outer_steps = 100;
  /// T, first-order steps on s and on p in an outer step. More of them track p*(θ) better and cost a gradient
  /// each; 5 to 10 are usual.
  std::uint32_t inner_steps = 5;
  /// λ. A larger one makes p follow the lower level more closely; bias falls as 1/λ, and the two values that
  /// λ multiplies must be known more exactly. 0 leaves F alone.
  Schedule penalty = 10.0;
  /// p steps on (F + λG)/(1 + λ), so that λ does not change which learning rate is stable. false: on F + λG,
  /// as the paper writes it; then a rate must shrink as λ grows, except for Adam, which does not see scale.
  bool normalize_penalty = true;
  /// Gradient norm at which a step's inner updates end early; 0: never.
  double inner_tolerance = 0.0;
  /// An inner loss that updates at one θ have made grow by this factor, and that is this many times above its
  /// first value (at least 1), ends the run with an error, long before it is infinite. Needs inner_steps of 2
  /// or more. Raise it where losses may grow that much; 0: only a loss that is not finite ends the run.
  double divergence_factor = 1e3;
  /// ρ of an update at which solve() ends: with few queries one small ρ may be chance; 0: never.
  double outer_tolerance = 0.0;
  bool upper_with_lower = true;  ///< p is stepped with every step of s; false: once an outer step
  bool train_upper = true;       ///< first-order steps on p
  bool train_lower = true;       ///< first-order steps on s
  bool move_backbone = true;     ///< zeroth-order steps on θ
  /// Seed of mini-batches, of the sampling of tasks, and of directions unless the estimator has its own.
  std::uint64_t seed = 0;
  /// Tasks of an outer step, sampled without repetition; 0: all. Fewer make a step cheaper and noisier.
  std::uint32_t tasks_per_step = 0;
  /// A task's chance to be sampled is proportional to its weight; empty: equal chances.
  std::vector<double> task_weights = {};

  /// MeZO: zeroth-order steps on F only.
  [[nodiscard]] BilevelOptions mezo() const {
    BilevelOptions o = *this;
    o.penalty = 0.0;
    o.train_upper = o.train_lower = false;
    o.move_backbone = true;
    return o;
  }
  /// First-order PEFT: s on G only.
  [[nodiscard]] BilevelOptions adapter_only() const {
    BilevelOptions o = *this;
    o.train_upper = o.move_backbone = false;
    o.train_lower = true;
    return o;
  }
  /// Throws Error naming the field out of range.
  void check() const {
    require(outer_steps >= 1, "outer_steps = {}: must be at least 1", outer_steps);
    require(inner_steps >= 1, "inner_steps = {}: must be at least 1", inner_steps);
    check_length(outer_steps);
    penalty.check("penalty", 0.0, 1e12);
    require_in("inner_tolerance", inner_tolerance, 0.0, 1e300);
    require_in("outer_tolerance", outer_tolerance, 0.0, 1e300);
    require(std::isfinite(divergence_factor) && (divergence_factor == 0.0 || divergence_factor >= 1.0),
            "divergence_factor = {}: must be 0, or finite and at least 1", divergence_factor);
    require(train_upper || train_lower || move_backbone,
            "train_upper, train_lower, move_backbone: at least one must be true");
  }
  /// The same for a problem of `tasks` tasks.
  void check(std::size_t tasks) const {
    check();
    require(tasks >= 1, "tasks: 0: must be at least 1");
    require(tasks_per_step <= tasks, "tasks_per_step = {}: must be at most the {} tasks", tasks_per_step,
            tasks);
    check_task_weights(task_weights, tasks);
  }
  /// Throws Error unless `steps` outer steps can be numbered: inner mini-batches have the numbers
  /// outer_step · T + t in 32 bits, and past them they would repeat.
  void check_length(std::uint64_t steps) const {
    require(steps * inner_steps <= std::numeric_limits<std::uint32_t>::max(),
            "outer_steps * inner_steps = {}: must be below 2^32", steps * inner_steps);
  }
};

}  // namespace zofo
