#include "zofo/config/zeroth_order_options.hpp"

#include "zofo/config/field_checks.hpp"
#include "zofo/core/error.hpp"

namespace zofo::llm {

void ZerothOrderOptions::check_zeroth_order() const {
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
  require(max_step_norm == 0.0 || outer_optimizer == OuterKind::sgd || outer_optimizer == OuterKind::momentum,
          "max_step_norm = {}: must be 0 with outer_optimizer = \"{}\", whose updates do not grow with the "
          "estimate",
          max_step_norm, outer_optimizer);
  if (!std_normalized) return;
  require(forward_difference, "std_normalized = true: needs forward_difference = true");
  require(num_directions >= 2, "num_directions = {}: must be at least 2 with std_normalized", num_directions);
  require(
      variance_reduction == ReductionKind::none,
      "variance_reduction = \"{}\": must be none with std_normalized, which scales each estimate by itself",
      variance_reduction);
}

void ZerothOrderOptions::check_zeroth_order_on_gpu() const {
  require(direction == DirectionKind::gaussian || direction == DirectionKind::rademacher ||
              direction == DirectionKind::low_rank,
          "direction = \"{}\": not supported on a GPU; use gaussian, rademacher or low-rank, or --device cpu",
          direction);
  require(outer_optimizer == OuterKind::sgd || outer_optimizer == OuterKind::rms_scalar,
          "outer_optimizer = \"{}\": not supported on a GPU; use sgd or rms-scalar, or --device cpu",
          outer_optimizer);
}

}  // namespace zofo::llm
