/// @file Options of zeroth-order steps: the same fields, words and limits in every kind of run that takes
/// such steps.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "zofo/config/field_checks.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::llm {

/// How a run estimates what moves θ (or an adapter), and by what it moves it.
struct ZerothOrderOptions {
  std::string direction = "gaussian";
  std::uint32_t direction_rank = 2;
  std::uint32_t direction_hold = 1;
  double density = 0.25;
  double epsilon = 1e-3;
  std::uint32_t queries = 1;
  bool one_sided = false;
  bool spread_scaled = false;
  std::string reduction = "none";
  std::uint32_t reduction_period = 5;
  std::uint32_t reduction_batches = 8;
  double storm_weight = 0.1;
  std::string outer = "sgd";
  double momentum = 0.9;
  double theta_rate = 1e-6;
  double max_step = 0.0;
  std::uint64_t seed = 0;  ///< of the directions; a run's other draws have it too, so its own list visits it
};

/// Calls visit(name, field, help) for every option but the seed.
template <class AnyOptions, class Visit>
requires std::derived_from<std::remove_const_t<AnyOptions>, ZerothOrderOptions>
void for_each_zeroth_order_option(AnyOptions& o, Visit&& visit) {
  visit("direction", o.direction,
        "law of the directions: gaussian, rademacher, sphere, coordinate, low-rank, sparse (smallest "
        "weights) or random-sparse");
  visit("direction_rank", o.direction_rank, "rank of low-rank directions");
  visit("direction_hold", o.direction_hold,
        "steps that share a low-rank direction's subspace, or a random mask; 0: all");
  visit("density", o.density, "share of the weights that sparse directions move");
  visit("epsilon", o.epsilon, "smoothing radius of the zeroth-order estimate");
  visit("queries", o.queries, "q: directions averaged by an estimate");
  visit("one_sided", o.one_sided, "one-sided differences instead of two-sided");
  visit("spread_scaled", o.spread_scaled, "divide one-sided differences by the spread of their losses");
  visit("reduction", o.reduction, "variance reduction: none, svrg, spider or storm");
  visit("reduction_period", o.reduction_period, "steps from one anchor of svrg or spider to the next");
  visit("reduction_batches", o.reduction_batches, "mini-batches averaged at an anchor");
  visit("storm_weight", o.storm_weight, "weight of the fresh estimate in storm, in (0, 1]");
  visit("outer", o.outer, "optimiser of zeroth-order steps: sgd, momentum, adam or scalar-adam");
  visit("momentum", o.momentum, "weight of the past in outer momentum, and beta1 of outer adam");
  visit("theta_rate", o.theta_rate,
        "learning rate of what zeroth-order steps move: the backbone, or an adapter");
  visit("max_step", o.max_step,
        "shorten zeroth-order steps (of momentum: what each adds) to that length, 0: no limit");
}

/// Checks each field, then the combinations. Throws Error naming the field and the values it may have.
inline void check_zeroth_order(const ZerothOrderOptions& o) {
  require_one_of("direction", o.direction,
                 {"gaussian", "rademacher", "sphere", "coordinate", "low-rank", "sparse", "random-sparse"});
  require_one_of("reduction", o.reduction, {"none", "svrg", "spider", "storm"});
  require_one_of("outer", o.outer, {"sgd", "momentum", "adam", "scalar-adam"});
  require_count("direction_rank", o.direction_rank, 1, 4096);
  require_positive("density", o.density, 1.0);
  require_positive("epsilon", o.epsilon, 1.0);
  require_count("queries", o.queries, 1, 4096);
  require_count("reduction_period", o.reduction_period, 1, 1'000'000);
  require_count("reduction_batches", o.reduction_batches, 1, 1'000'000);
  require_positive("storm_weight", o.storm_weight, 1.0);
  require_in("momentum", o.momentum, 0.0, 0.9999999);
  require_in("theta_rate", o.theta_rate, 0.0, 10.0);
  require_in("max_step", o.max_step, 0.0, 1e9);
  require(o.max_step == 0.0 || o.outer == "sgd" || o.outer == "momentum",
          "max_step = {}: not with outer = \"{}\", whose steps do not grow with the estimate: must be 0",
          o.max_step, o.outer);
  if (!o.spread_scaled) return;
  require(o.one_sided, "spread_scaled = true: needs one_sided = true");
  require(o.queries >= 2, "queries = {}: spread_scaled needs at least 2", o.queries);
  require(o.reduction == "none",
          "reduction = \"{}\": not with spread_scaled, which scales every estimate anew", o.reduction);
}

/// Checks what the CUDA backend supports where θ is updated. Throws Error naming the field.
inline void check_zeroth_order_on_gpu(const ZerothOrderOptions& o) {
  require(o.direction == "gaussian" || o.direction == "rademacher" || o.direction == "low-rank",
          "direction = \"{}\": a GPU makes gaussian, rademacher and low-rank alone (--device cpu makes all)",
          o.direction);
  require(o.outer == "sgd" || o.outer == "scalar-adam",
          "outer = \"{}\": a GPU has sgd and scalar-adam alone (--device cpu has all)", o.outer);
}

}  // namespace zofo::llm
