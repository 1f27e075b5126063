/// @file Options of the outer loop.
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

/// Options of the outer loop. MeZO and first-order fine-tuning of adapters are this loop with parts switched
/// off: see mezo() and adapter_only(). docs/guide/options.md has measurements behind the advice.
struct BilevelOptions {
  /// Number of outer steps of one solve(), at least 1. Raise it until the loss no longer falls; solve() can
  /// also be called again and continues.
  std::uint32_t outer_steps = 100;
  /// T, the number of first-order steps on s and on p in one outer step, at least 1. More steps track the
  /// minimiser p*(θ) more closely and cost one gradient per adapter each. 5 to 10 are usual; T of about κ log
  /// 2 keeps the inner error bounded (docs/results/theory/statements.md, I4), where κ is the condition number
  /// of G(θ, ·). Too few steps: the estimate for θ is computed at a wrong p.
  std::uint32_t inner_steps = 5;
  /// λ, the weight of G(θ, p) − G(θ, s) in the penalty function, 0 to 10¹²; a number or a schedule over outer
  /// steps. A larger λ has less bias, O(1/λ) (docs/results/theory/statements.md, P1), and multiplies the
  /// noise of two losses. 50 to 100 suit smooth deterministic problems, 1 to 10 language models. 0 leaves F
  /// only.
  Schedule penalty = 10.0;
  /// true: p minimises (F + λG)/(1 + λ), so that λ does not change which learning rates of p are stable.
  /// false: F + λG, as in the paper; then divide the learning rate of p by 1 + λ, except for Adam, which is
  /// invariant to the scale of the gradient.
  bool normalize_penalty = true;
  /// Gradient norm at or below which the inner steps of an adapter end for this outer step, at least 0; 0:
  /// never. Set it on deterministic problems to save gradients near the minimum; with mini-batches the norm
  /// contains noise and rarely reaches a small tolerance.
  double inner_tolerance = 0.0;
  /// Limit of the growth of an inner loss: 0, or at least 1. The run ends with an Error once updates at fixed
  /// θ have increased an inner loss by this factor and the loss is this many times above its first value
  /// (taken as at least 1), long before it is infinite. Needs inner_steps of 2 or more. Raise it where losses
  /// may grow that much; 0: only a loss that is not finite ends the run.
  double divergence_factor = 1e3;
  /// ρ, the projected gradient of an update (StepReport::projected_gradient), at or below which solve() ends,
  /// at least 0; 0: never. With few directions a single small ρ may be chance: use it with many directions.
  double outer_tolerance = 0.0;
  /// true: p is updated in every inner step, as s. false: p is updated once in an outer step, in the last
  /// inner step, which saves T − 1 gradients of p and tracks p_λ(θ) less closely.
  bool upper_with_lower = true;
  /// Whether p is updated. false: p keeps its initial value, and only θ reduces F(θ, p) + λG(θ, p).
  bool train_upper = true;
  /// Whether s is updated. Switch it off together with `penalty` 0, which has no use for s.
  bool train_lower = true;
  /// Whether θ is updated by zeroth-order steps. false: the loop only fits the adapters at a fixed θ.
  bool move_backbone = true;
  /// Seed of mini-batches, of the choice of tasks, and of directions unless the estimator has a seed. Runs
  /// with equal seeds, options and problems are equal to the bit; change it to repeat a run with other
  /// samples.
  std::uint64_t seed = 0;
  /// Number of tasks in one outer step, chosen without repetition, at most the number of tasks; 0: all. Fewer
  /// tasks make a step cheaper and its estimate noisier. Use it when all tasks do not fit into a step's time.
  std::uint32_t tasks_per_step = 0;
  /// Weights of the tasks for that choice, one per task, finite and above 0; a task's chance is proportional
  /// to its weight. Empty: equal chances. They have no effect when every step has all tasks.
  std::vector<double> task_weights = {};

  /// A copy set to MeZO (Malladi et al. 2023): zeroth-order steps on F only, the adapters fixed.
  [[nodiscard]] BilevelOptions mezo() const {
    BilevelOptions o = *this;
    o.penalty = 0.0;
    o.train_upper = o.train_lower = false;
    o.move_backbone = true;
    return o;
  }
  /// A copy set to first-order training of an adapter: only s is updated, on G; θ and p are fixed.
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
  /// As check(), and for a problem of `tasks` tasks also tasks_per_step and task_weights.
  void check(std::size_t tasks) const {
    check();
    require(tasks >= 1, "tasks: 0: must be at least 1");
    require(tasks_per_step <= tasks, "tasks_per_step = {}: must be at most the {} tasks", tasks_per_step,
            tasks);
    check_task_weights(task_weights, tasks);
  }
  /// Throws Error when `steps` outer steps have too many mini-batches: they are numbered by outer_step · T +
  /// t in 32 bits and would repeat.
  void check_length(std::uint64_t steps) const {
    require(steps * inner_steps <= std::numeric_limits<std::uint32_t>::max(),
            "outer_steps * inner_steps = {}: must be below 2^32", steps * inner_steps);
  }
};

}  // namespace zofo
