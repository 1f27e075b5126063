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
  std::uint32_t direction_interval = 1;
  double mask_density = 0.25;
  double zo_eps = 1e-3;
  std::uint32_t num_directions = 1;
  bool forward_difference = false;
  bool std_normalized = false;
  ReductionKind variance_reduction = ReductionKind::none;
  std::uint32_t anchor_interval = 5;
  std::uint32_t anchor_batches = 8;
  double storm_weight = 0.1;
  OuterKind outer_optimizer = OuterKind::sgd;
  double momentum = 0.9;
  double zo_learning_rate = 1e-6;
  double max_step_norm = 0.0;
  std::uint64_t seed = 0;  ///< of directions, and of a run's other random choices: the run's list visits it

  /// Checks each field, then the combinations. Throws Error naming the field and the values it may have.
  void check_zeroth_order() const {
    require_count("direction_rank", direction_rank, 1, 4096);
    require_positive("mask_density", mask_density, 1.0);
    require_positive("zo_eps", zo_eps, 1.0);
    require_count("num_directions", num_directions, 1, 4096);
    require_count("anchor_interval", anchor_interval, 1, 1'000'000);
    require_count("anchor_batches", anchor_batches, 1, 1'000'000);
    require_positive("storm_weight", storm_weight, 1.0);
    require_in("momentum", momentum, 0.0, 0.9999999);
    require_in("zo_learning_rate", zo_learning_rate, 0.0, 10.0);
    require_in("max_step_norm", max_step_norm, 0.0, 1e9);
    require(
        max_step_norm == 0.0 || outer_optimizer == OuterKind::sgd || outer_optimizer == OuterKind::momentum,
        "max_step_norm = {}: must be 0 with outer_optimizer = \"{}\", whose updates do not grow with the "
        "estimate",
        max_step_norm, outer_optimizer);
    if (!std_normalized) return;
    require(forward_difference, "std_normalized = true: needs forward_difference = true");
    require(num_directions >= 2, "num_directions = {}: must be at least 2 with std_normalized",
            num_directions);
    require(
        variance_reduction == ReductionKind::none,
        "variance_reduction = \"{}\": must be none with std_normalized, which scales each estimate by itself",
        variance_reduction);
  }
  /// Checks what the CUDA backend supports where θ is updated. Throws Error naming the field.
  void check_zeroth_order_on_gpu() const {
    require(
        direction == DirectionKind::gaussian || direction == DirectionKind::rademacher ||
            direction == DirectionKind::low_rank,
        "direction = \"{}\": not supported on a GPU; use gaussian, rademacher or low-rank, or --device cpu",
        direction);
    require(outer_optimizer == OuterKind::sgd || outer_optimizer == OuterKind::rms_scalar,
            "outer_optimizer = \"{}\": not supported on a GPU; use sgd or rms-scalar, or --device cpu",
            outer_optimizer);
  }
};

/// Calls visit(name, field, help) for every option but the seed.
template <class AnyOptions, class Visit>
requires std::derived_from<std::remove_const_t<AnyOptions>, ZerothOrderOptions>
void for_each_zeroth_order_option(AnyOptions& o, Visit&& visit) {
  visit("direction", o.direction,
        "distribution of the directions: gaussian, rademacher, sphere, coordinate, low-rank, sparse "
        "(smallest weights) or random-sparse");
  visit("direction_rank", o.direction_rank,
        "rank of low-rank directions; larger: closer to dense directions");
  visit("direction_interval", o.direction_interval,
        "steps that share the subspace of low-rank directions, or a random mask; 0: all steps");
  visit("mask_density", o.mask_density,
        "fraction of the weights that sparse directions perturb; smaller: less noise, fewer weights "
        "trained");
  visit("zo_eps", o.zo_eps,
        "perturbation size of the zeroth-order estimate; raise it if bf16 rounding hides the differences");
  visit("num_directions", o.num_directions,
        "q: directions averaged in each estimate; larger: less noise, more forward passes");
  visit("forward_difference", o.forward_difference,
        "one-sided differences instead of two-sided; about half the forward passes, some bias");
  visit("std_normalized", o.std_normalized,
        "divide one-sided differences by the standard deviation of their losses (FZOO)");
  visit("variance_reduction", o.variance_reduction,
        "variance reduction of the estimate: none, svrg, spider or storm; for noisy losses");
  visit("anchor_interval", o.anchor_interval,
        "steps between two anchors of svrg or spider; smaller: fresher anchors, more passes");
  visit("anchor_batches", o.anchor_batches,
        "mini-batches averaged at an anchor; larger: less noise, more passes");
  visit("storm_weight", o.storm_weight,
        "weight of the new estimate in storm, in (0, 1]; smaller: less noise, slower to follow");
  visit("outer_optimizer", o.outer_optimizer,
        "optimiser of zeroth-order updates: sgd, momentum, adam or rms-scalar; adam needs two more copies "
        "of the weights");
  visit("momentum", o.momentum, "weight of earlier updates in momentum, and beta1 of adam");
  visit("zo_learning_rate", o.zo_learning_rate,
        "learning rate of zeroth-order updates, of the backbone or an adapter; lower it if the loss rises");
  visit("max_step_norm", o.max_step_norm,
        "longest zeroth-order update (with momentum: its new part); 0: no limit; set it against loss "
        "spikes");
}

}  // namespace zofo::llm
