/// @file Options of zeroth-order updates. All runs share these fields, names and limits.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "zofo/config/option_enums.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::llm {

/// How a run estimates the gradient of θ (or of an adapter), and how it applies the estimate.
/// for_each_zeroth_order_option() describes each option.
struct ZerothOrderOptions {
  DirectionKind direction = DirectionKind::gaussian;  ///< distribution of the directions
  std::uint32_t direction_rank = 2;                   ///< rank of low-rank directions
  std::uint32_t direction_interval = 1;               ///< steps with the same subspace or mask; 0: all
  double mask_density = 0.25;        ///< fraction of the weights that sparse directions perturb
  double zo_eps = 1e-3;              ///< ε: perturbation size
  std::uint32_t num_directions = 1;  ///< q: directions averaged in an estimate
  bool forward_difference = false;   ///< one-sided differences
  bool std_normalized = false;       ///< divide by the standard deviation of the losses (FZOO)
  ReductionKind variance_reduction = ReductionKind::none;  ///< of the estimate
  std::uint32_t anchor_interval = 5;                       ///< steps between two anchors (SVRG, SPIDER)
  std::uint32_t anchor_batches = 8;                        ///< mini-batches at an anchor
  double storm_weight = 0.1;                               ///< weight of the new estimate (STORM)
  OuterKind outer_optimizer = OuterKind::sgd;              ///< of zeroth-order updates
  double momentum = 0.9;                                   ///< of momentum; beta1 of Adam
  double zo_learning_rate = 1e-6;                          ///< of zeroth-order updates
  double max_step_norm = 0.0;                              ///< limit of an update's norm; 0: none
  std::uint64_t seed = 0;  ///< of directions, and of other random choices; visited by for_each_option()

  /// Checks each field, then the combinations. Throws Error naming the field, its value and what is allowed.
  void check_zeroth_order() const;
  /// Checks that the CUDA backend supports updates of θ with these options. Throws Error naming the field.
  void check_zeroth_order_on_gpu() const;
};

/// Calls visit(name, pointer to the member of ZerothOrderOptions, help) for every option but the seed.
template <class Visit>
void for_each_zeroth_order_member(Visit&& visit) {
  visit("direction", &ZerothOrderOptions::direction,
        "distribution of the directions: gaussian, rademacher, sphere, coordinate, low-rank, sparse "
        "(smallest weights) or random-sparse");
  visit("direction_rank", &ZerothOrderOptions::direction_rank,
        "rank of low-rank directions; larger: closer to dense directions");
  visit("direction_interval", &ZerothOrderOptions::direction_interval,
        "steps that share the subspace of low-rank directions, or a random mask; 0: all steps");
  visit("mask_density", &ZerothOrderOptions::mask_density,
        "fraction of the weights that sparse directions perturb; smaller: less noise, fewer weights "
        "trained");
  visit("zo_eps", &ZerothOrderOptions::zo_eps,
        "perturbation size of the zeroth-order estimate; raise it if bf16 rounding hides the differences");
  visit("num_directions", &ZerothOrderOptions::num_directions,
        "q: directions averaged in each estimate; larger: less noise, more forward passes");
  visit("forward_difference", &ZerothOrderOptions::forward_difference,
        "one-sided differences instead of two-sided; about half the forward passes, some bias");
  visit("std_normalized", &ZerothOrderOptions::std_normalized,
        "divide one-sided differences by the standard deviation of their losses (FZOO)");
  visit("variance_reduction", &ZerothOrderOptions::variance_reduction,
        "variance reduction of the estimate: none, svrg, spider or storm; for noisy losses");
  visit("anchor_interval", &ZerothOrderOptions::anchor_interval,
        "steps between two anchors of svrg or spider; smaller: fresher anchors, more passes");
  visit("anchor_batches", &ZerothOrderOptions::anchor_batches,
        "mini-batches averaged at an anchor; larger: less noise, more passes");
  visit("storm_weight", &ZerothOrderOptions::storm_weight,
        "weight of the new estimate in storm, in (0, 1]; smaller: less noise, slower to follow");
  visit("outer_optimizer", &ZerothOrderOptions::outer_optimizer,
        "optimiser of zeroth-order updates: sgd, momentum, adam or rms-scalar; adam needs two more copies "
        "of the weights");
  visit("momentum", &ZerothOrderOptions::momentum,
        "weight of earlier updates in momentum, and beta1 of adam");
  visit("zo_learning_rate", &ZerothOrderOptions::zo_learning_rate,
        "learning rate of zeroth-order updates, of the backbone or an adapter; lower it if the loss rises");
  visit("max_step_norm", &ZerothOrderOptions::max_step_norm,
        "largest norm of a zeroth-order update (with momentum: of its new part); 0: no limit; set it against "
        "loss spikes");
}

/// Calls visit(name, field, help) for every option of `o` but the seed.
template <class AnyOptions, class Visit>
  requires std::derived_from<std::remove_const_t<AnyOptions>, ZerothOrderOptions>
void for_each_zeroth_order_option(AnyOptions& o, Visit&& visit) {
  for_each_zeroth_order_member(
      [&](const char* name, auto member, const char* help) { visit(name, o.*member, help); });
}

}  // namespace zofo::llm
