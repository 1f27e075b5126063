/// @file Options of zeroth-order updates: the same fields, words and limits in every run that takes them.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "zofo/config/field_checks.hpp"
#include "zofo/config/option_enums.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::llm {

/// How a run estimates the gradient of θ (or of an adapter), and how it updates with it.
struct ZerothOrderOptions {
  DirectionKind direction = DirectionKind::gaussian;
  std::uint32_t direction_rank = 2;
  std::uint32_t direction_hold = 1;
  double density = 0.25;
  double epsilon = 1e-3;
  std::uint32_t queries = 1;
  bool one_sided = false;
  bool std_normalized = false;
  ReductionKind reduction = ReductionKind::none;
  std::uint32_t reduction_period = 5;
  std::uint32_t reduction_batches = 8;
  double storm_weight = 0.1;
  OuterKind outer = OuterKind::sgd;
  double momentum = 0.9;
  double theta_rate = 1e-6;
  double max_step = 0.0;
  std::uint64_t seed = 0;  ///< of directions, and of a run's other random choices: the run's list visits it

  /// Checks each field, then the combinations. Throws Error naming the field and the values it may have.
  void check_zeroth_order() const {
    require_count("direction_rank", direction_rank, 1, 4096);
    require_positive("density", density, 1.0);
    require_positive("epsilon", epsilon, 1.0);
    require_count("queries", queries, 1, 4096);
    require_count("reduction_period", reduction_period, 1, 1'000'000);
    require_count("reduction_batches", reduction_batches, 1, 1'000'000);
    require_positive("storm_weight", storm_weight, 1.0);
    require_in("momentum", momentum, 0.0, 0.9999999);
    require_in("theta_rate", theta_rate, 0.0, 10.0);
    require_in("max_step", max_step, 0.0, 1e9);
    require(max_step == 0.0 || outer == OuterKind::sgd || outer == OuterKind::momentum,
            "max_step = {}: not with outer = \"{}\", whose updates do not grow with the estimate: must be 0",
            max_step, outer);
    if (!std_normalized) return;
    require(one_sided, "spread_scaled = true: needs one_sided = true");
    require(queries >= 2, "queries = {}: spread_scaled needs at least 2", queries);
    require(reduction == ReductionKind::none,
            "reduction = \"{}\": not with spread_scaled, which scales each estimate by itself", reduction);
  }
  /// Checks what the CUDA backend supports where θ is updated. Throws Error naming the field.
  void check_zeroth_order_on_gpu() const {
    require(direction == DirectionKind::gaussian || direction == DirectionKind::rademacher ||
                direction == DirectionKind::low_rank,
            "direction = \"{}\": a GPU makes only gaussian, rademacher and low-rank (--device cpu makes all)",
            direction);
    require(outer == OuterKind::sgd || outer == OuterKind::rms_scalar,
            "outer = \"{}\": a GPU has only sgd and scalar-adam (--device cpu has all)", outer);
  }
};

/// Calls visit(name, field, help) for every option but the seed.
template <class AnyOptions, class Visit>
requires std::derived_from<std::remove_const_t<AnyOptions>, ZerothOrderOptions>
void for_each_zeroth_order_option(AnyOptions& o, Visit&& visit) {
  visit(
      "direction", o.direction,
      "distribution of the directions: gaussian, rademacher, sphere, coordinate, low-rank, sparse (smallest "
      "weights) or random-sparse");
  visit("direction_rank", o.direction_rank, "rank of low-rank directions");
  visit("direction_hold", o.direction_hold,
        "steps that share a low-rank direction's subspace, or a random mask; 0: all");
  visit("density", o.density, "share of the weights that sparse directions perturb");
  visit("epsilon", o.epsilon, "smoothing radius of the zeroth-order estimate");
  visit("queries", o.queries, "q: directions averaged by an estimate");
  visit("one_sided", o.one_sided, "one-sided differences instead of two-sided");
  visit("spread_scaled", o.std_normalized, "divide one-sided differences by the spread of their losses");
  visit("reduction", o.reduction, "variance reduction: none, svrg, spider or storm");
  visit("reduction_period", o.reduction_period, "steps from one anchor of svrg or spider to the next");
  visit("reduction_batches", o.reduction_batches, "mini-batches averaged at an anchor");
  visit("storm_weight", o.storm_weight, "weight of the new estimate in storm, in (0, 1]");
  visit("outer", o.outer, "optimiser of zeroth-order updates: sgd, momentum, adam or scalar-adam");
  visit("momentum", o.momentum, "weight of the past in outer momentum, and beta1 of outer adam");
  visit("theta_rate", o.theta_rate,
        "learning rate of what zeroth-order updates move: the backbone, or an adapter");
  visit("max_step", o.max_step,
        "shorten zeroth-order updates (of momentum: what each adds) to that length, 0: no limit");
}

}  // namespace zofo::llm
